"""Stand-ins for the official spaCy pipelines: small ones, trained here on sentences written for this project."""
