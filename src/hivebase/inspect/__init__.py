"""What is inside an image: sizes, packages, stand-ins, contract tests."""
