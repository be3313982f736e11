"""The OCI distribution protocol: resolving, pulling and pushing images with the credentials of the user.

=================  ==================================================================
`client`           the façade: `RegistryClient.resolve` and `RegistryClient.pull`
`settings`         what hivebase.toml says about single registries
`endpoint`         one registry: whether it is there, and how it speaks
`repository`       authorised requests to one repository
`auth`             anonymous, Basic, Bearer tokens
`challenge`        ``WWW-Authenticate``
`credentials`      where docker, podman and skopeo keep the user's credentials
`credentials_file` one such file: read, and one entry changed
`helpers`          the programs that keep them for Docker
`login`            a user name and a password that a registry accepts, kept there
`resolve`          from a reference to the manifest of one platform
`pull`             from there into the store
`content`          what is sent, wherever it is kept
`download`         one blob out of one repository
`parallel`         several requests at a time
`upload`           one blob into one repository
`manifests`        manifests and tags into one repository
`push`             images into one registry
`probe`            whether one repository can be written to
`traits`           what single registries do otherwise
`pace`             not asking more often than a server allows
`ecr`              Amazon ECR: repositories and tokens
`pages`            lists that come in pages
`referrers`        what refers to an image, and adding to it
`merge`            tags that many write to
`small`            blobs that are held in memory
`cache`            results of builds, shared between machines
`cache_entry`      what one of them says, and how it is sealed
`once`             work that many ask for and one does
`background`       work on threads that die with the process
`errors`           the error that lets a build use a stand-in
=================  ==================================================================
"""
