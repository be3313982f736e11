"""Amazon ECR: the control plane by boto3, the data plane by the same client as every other registry.

::

    settings = EcrSettings.of(os.environ)
    ready = prepare(settings, [settings.repository("python-ml-base")])
    client = RegistryClient(keychain=ready.keychain(Keychain()), traits=ready.traits)

=================  ==================================================================
`names`            hosts, accounts, regions, repositories
`settings`         which registry, from the environment and ``hivebase.toml``
`control`          tokens, repositories, lifecycle rules: all calls of the API
`errors`           what boto3 raises, in plain words
`mutability`       which tags of a repository may move
`lifecycle`        what ECR may delete by itself
`credentials`      tokens where the client looks for passwords, renewed
`target`           all of it, before a push
=================  ==================================================================

boto3 is imported with the first call of the API and never before.
"""
