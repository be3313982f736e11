"""Programs for the interpreters of images: they run in a sandbox, never in this process."""
