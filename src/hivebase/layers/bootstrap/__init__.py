"""The honest stand-in for an official base image that cannot be fetched (architecture decision 9)."""
