"""The OCI distribution protocol: resolving and pulling images with the credentials of the user."""
