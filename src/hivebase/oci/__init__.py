"""What an image is, and the content store: an OCI image layout on disk."""
