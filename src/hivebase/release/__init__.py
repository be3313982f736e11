"""Publishing images: under which tags, with which proof, and how that is checked.

=================  ==================================================================
`target`           where images go
`tags`             under which tags
`publish`          the rules first, then content, proof, and tags last
`status`           a hive compared with a registry
`copy`             an image from one registry to another, by digest
`copy_proofs`      what is attached to it, likewise
`made`             how an image was made, as far as it is certain
`provenance`       the same as a statement
`statement`        in-toto statements
`artifact`         documents that refer to an image
`cosign`           documents at the tags where cosign looks
`signing`          keys, signatures, envelopes, bundles
`evidence`         all documents that prove one image
`proof`            pushing them
`proving`          all of that for the images of one push
`found`            what is attached to an image, not believed yet
`verify`           what of it counts
`contents`         whether an SBOM is what the image holds
=================  ==================================================================
"""
