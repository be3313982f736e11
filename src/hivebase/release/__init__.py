"""Publishing images: under which tags, with which proof, and how that is checked."""
