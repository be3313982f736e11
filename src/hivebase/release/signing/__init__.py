"""Signatures with a local ECDSA key, in the formats that cosign writes and reads.

=================  ==================================================================
`keys`             private and public keys from PEM files
`cosign_key`       the encrypted private keys of ``cosign generate-key-pair``
`secretbox`        the cipher of those
`simple`           what a signature of an image is over
`dsse`             envelopes around statements
`bundle`           envelopes with what verifies them: Sigstore's bundles
`keyless`          signing with an identity instead of a key
=================  ==================================================================
"""
