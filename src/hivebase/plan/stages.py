"""One stage of a Dockerfile to steps: every word expanded, every value checked, every key computed."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Literal, Protocol

import msgspec

from hivebase.dockerfile import ast
from hivebase.dockerfile.heredocs import is_script, shell_text
from hivebase.dockerfile.parser import parse_trigger
from hivebase.errors import UsageError
from hivebase.plan import keys
from hivebase.plan.checks import bad_chmod, bad_user, is_remote, looks_secret
from hivebase.plan.config import ConfigDraft, normalise
from hivebase.plan.files import follow
from hivebase.plan.installs.compositions import Composed, Compositions
from hivebase.plan.installs.site import KnownFile, Site
from hivebase.plan.mounts import expand_mount, mount_spec
from hivebase.plan.scope import PROXY_ARGS
from hivebase.plan.select import select, unmatched
from hivebase.plan.steps import (
    CONTEXT,
    ComposeStep,
    ConfigStep,
    CopyStep,
    ImageSource,
    InlineFile,
    MountSpec,
    RunStep,
    Step,
    WorkdirStep,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hivebase.digest import Digest
    from hivebase.plan.files import FileListing
    from hivebase.plan.scope import Expander, Scope
    from hivebase.plan.select import Selected


class Surroundings(Protocol):
    """What a stage asks of the Dockerfile it stands in."""

    expander: Expander
    context: FileListing
    args: Mapping[str, str]
    compositions: Compositions | None

    def source(self, name: str, at: ast.Instruction, stage: int) -> ImageSource:
        """Return what ``--from=name`` means."""

    def content(self, source: ImageSource) -> Digest:
        """Return the tree key or digest of ``source``."""

    def remote(self, source: str, step: CopyStep) -> str:
        """Return what identifies the content of a URL or repository that ``step`` adds."""

    def warn(self, line: int, text: str) -> None:
        """Take a remark."""

    def uses(self, path: str, fact: str) -> None:
        """Take note of a context file that was read."""


class StageDraft(msgspec.Struct):
    """A stage while its instructions are read.

    Attributes:
        around: the rest of the Dockerfile.
        index: of the stage.
        draft: the configuration so far.
        scope: the variables so far.
        tree: the tree key so far.
        site: what is known of Python and its packages so far.
        steps: so far.
        sources: all it read from, besides its base and the context.
    """

    around: Surroundings
    index: int
    draft: ConfigDraft
    scope: Scope
    tree: Digest
    site: Site = msgspec.field(default_factory=Site)
    steps: list[Step] = []
    sources: list[ImageSource] = []

    def triggers(self, triggers: tuple[str, ...], origin: str, at: ast.From) -> None:
        """Run the ONBUILD instructions that the base left for its children.

        Raises:
            DockerfileError: a trigger is not one instruction.
        """
        for text in triggers:
            instruction = parse_trigger(text, f"ONBUILD of {origin}")
            # Errors and steps point at the FROM line: that is the line of this file which brought it in.
            self.take(msgspec.structs.replace(instruction, span=at.span, text=f"ONBUILD {instruction.text}"))

    def take(self, instruction: ast.Instruction) -> None:
        """Read one instruction.

        Raises:
            DockerfileError: its words or values are wrong.
        """
        try:
            self._take(instruction)
        except UsageError as error:
            if error.code != UsageError.code:
                raise
            raise self.around.expander.error(
                error.what, instruction, why=error.why, hint=error.hint
            ) from error

    def _take(self, instruction: ast.Instruction) -> None:
        match instruction:
            case ast.Run():
                self._run(instruction)
            case ast.Copy():
                self._copy(instruction)
            case ast.Workdir():
                self._workdir(instruction)
            case ast.Onbuild():
                self.draft.onbuild(instruction.trigger)  # in BuildKit it leaves no line of history
            case _:
                self.steps.append(
                    ConfigStep(
                        self.tree, self._configure(instruction), instruction.text, instruction.span.line
                    )
                )

    def _word(self, text: str, at: ast.Instruction) -> str:
        return self.around.expander(text, self.scope.get, at)

    def _configure(self, at: ast.Instruction) -> str:  # noqa: C901 -- one case for each
        match at:
            case ast.Arg():
                pairs = self.scope.read(at, self.around.expander)
                self._warn_of_secrets("ARG", (name for name, _ in pairs), at)
                return " ".join(["ARG", *(n if v is None else f"{n}={v}" for n, v in pairs)])
            case ast.Env():
                named = [(name, value or "") for name, value in self.scope.read(at, self.around.expander)]
                self._warn_of_secrets("ENV", (name for name, _ in named), at)
                return self.draft.env(named, self.scope.env)
            case ast.Label():
                return self.draft.label([(self._word(k, at), self._word(v, at)) for k, v in at.pairs])
            case ast.User():
                return self.draft.user(self._word(at.user, at))
            case ast.Cmd():
                return self.draft.cmd(at.command)
            case ast.Entrypoint():
                return self.draft.entrypoint(at.command)
            case ast.Shell():
                return self.draft.shell(at.argv)
            case ast.Expose():
                ports = [w for p in at.ports for w in self.around.expander.words(p, self.scope.get, at)]
                return self.draft.expose(ports)
            case ast.Volume():
                return self.draft.volume([self._word(path, at) for path in at.paths])
            case ast.Stopsignal():
                return self.draft.stopsignal(self._word(at.signal, at))
            case ast.Maintainer():
                return self.draft.maintainer(at.name)
            case ast.Healthcheck():
                return self.draft.healthcheck(at)
        raise UsageError(f"{at.keyword} is not an instruction of a stage")

    def _warn_of_secrets(self, keyword: str, names: Iterable[str], at: ast.Instruction) -> None:
        for name in names:
            if looks_secret(name):
                self.around.warn(
                    at.span.line,
                    f"{keyword} {name} looks like a secret and stays readable in the image; "
                    "use RUN --mount=type=secret",
                )

    def _workdir(self, at: ast.Workdir) -> None:
        history = self.draft.workdir(self._word(at.path, at))
        path = self.draft.config.working_dir
        if path == "/":
            self.steps.append(ConfigStep(self.tree, history, at.text, at.span.line))
            return
        step = WorkdirStep(self.tree, history, at.text, at.span.line, path, self.draft.config.user)
        self._add(step, None)

    def _add(self, step: RunStep | CopyStep | WorkdirStep, content: object) -> None:
        self.tree = keys.step_key(self.tree, step, content)
        self.steps.append(msgspec.structs.replace(step, key=self.tree))

    def _source(self, name: str, at: ast.Instruction) -> ImageSource:
        source = self.around.source(name, at, self.index)
        self.sources.append(source)
        return source

    def _run(self, at: ast.Run) -> None:
        config = self.draft.config
        workdir = config.working_dir or "/"
        argv, inline = self._argv(at.command)
        mounts: list[MountSpec] = []
        content: list[object] = []
        for mount in at.mounts:
            expanded = expand_mount(mount, lambda text: self._word(text, at))
            name = expanded.get("from") if mount.type in {"bind", "cache"} else None
            source = self._source(name, at) if name else None
            ssh = sum(spec.type == "ssh" for spec in mounts)
            mounts.append(mount_spec(expanded, source, workdir, ssh))
            content.append(self._mounted(mounts[-1]))
        step = self._run_step(at, argv, inline, tuple(mounts), workdir)
        made = self._composed(at, step)
        if not isinstance(made, Composed):
            self._add(msgspec.structs.replace(step, why=made), content)
            return
        for part in made.parts:
            text = made.text_of(part)
            if at.command.form == "shell" and len(made.parts) > 1:
                argv = (*argv[:-1], text)
            run = msgspec.structs.replace(step, argv=argv, created_by=self._run_history(argv))
            if isinstance(part, ComposeStep):
                self._compose(msgspec.structs.replace(part, run=run, created_by=run.created_by), content)
            else:
                self._add(run, content)

    def _composed(self, at: ast.Run, step: RunStep) -> Composed | str:
        """Return the parts of a RUN that installs packages, or why it is run as a whole."""
        compositions = self.around.compositions
        if compositions is None or step.inline:
            return ""
        return compositions.parts(step, self.site, self._mounted_file, shell=at.command.form == "shell")

    def _compose(self, step: ComposeStep, content: list[object]) -> None:
        resolution = step.resolution
        wheels = [wheel.sha256 for wheel in resolution.wheels] if resolution else None
        marked = ["compose", wheels, sorted(resolution.requested) if resolution else None]
        self.tree = keys.step_key(self.tree, step.run, [content, marked])
        self.steps.append(
            msgspec.structs.replace(step, key=self.tree, run=msgspec.structs.replace(step.run, key=self.tree))
        )
        if resolution is not None:
            self.site = self.site.with_installed({wheel.name: wheel.version for wheel in resolution.wheels})

    def _mounted_file(self, path: str, mounts: tuple[MountSpec, ...]) -> KnownFile | None:
        """Return the file that a mount of the context shows at ``path``."""
        for mount in reversed(mounts):
            target = mount.target.rstrip("/")
            if mount.type != "bind" or not (path == target or path.startswith(target + "/")):
                continue
            if mount.source != CONTEXT:
                return None
            return self._known(posixpath.normpath(mount.source_path + path[len(target) :]).lstrip("/"))
        return None

    def _known(self, path: str) -> KnownFile | None:
        context = self.around.context
        real = follow(context, path)
        fact = context.get(real)
        if fact is None or fact.kind != "file":
            return None
        return KnownFile(context.digest(real), lambda: context.read(real))

    def _run_history(self, argv: tuple[str, ...]) -> str:
        declared = [f"{name}={self.scope.get(name) or ''}" for name in self.scope.args]
        told = [f"|{len(declared)}", *declared] if declared else []
        return " ".join(["RUN", *told, *argv, "# buildkit"])

    def _run_step(
        self,
        at: ast.Run,
        argv: tuple[str, ...],
        inline: tuple[InlineFile, ...],
        mounts: tuple[MountSpec, ...],
        workdir: str,
    ) -> RunStep:
        env = self.scope.variables
        return RunStep(
            key=self.tree,
            created_by=self._run_history(argv),
            text=at.text,
            line=at.span.line,
            argv=argv,
            env=tuple(env.items()),
            user=self.draft.config.user,
            workdir=workdir,
            mounts=mounts,
            network=_NETWORKS[at.network],
            privileged=at.security == "insecure",
            inline=inline,
            proxies=tuple(
                (name, value)
                for name, value in sorted(self.around.args.items())
                if name in PROXY_ARGS and name not in env
            ),
            secrets=tuple(name for name in env if looks_secret(name)),
        )

    def _argv(self, command: ast.Command) -> tuple[tuple[str, ...], tuple[InlineFile, ...]]:
        if command.form == "exec":
            return command.argv, ()
        text = shell_text(command)
        inline: tuple[InlineFile, ...] = ()
        if is_script(command) and text.startswith("#!"):
            inline = (_inline(command.heredocs[0].name, text),)
            text = f"{PIPES}/{inline[0].name}"
        return self.draft.command_line(ast.Command("shell", (text,))), inline

    def _mounted(self, spec: MountSpec) -> object:
        """Return what the content behind a mount adds to the key of its RUN."""
        if spec.source is None:
            return None
        if spec.source != CONTEXT:
            return self.around.content(spec.source)
        found = keys.tree_content(self.around.context, spec.source_path)
        if found is None:
            raise UsageError(
                f"there is no {spec.source_path.lstrip('/') or '.'!r} in the build context to mount",
                hint="check the spelling, the context directory and .dockerignore",
            )
        for path, fact in found.items():
            self.around.uses(path, fact)
        return found

    def _copy(self, at: ast.Copy) -> None:
        sources = tuple(self._word(source, at) for source in at.sources if not source.startswith("<<"))
        destination = self._word(at.destination, at)
        add = at if isinstance(at, ast.Add) else None
        source = self._source(at.from_, at) if at.from_ else CONTEXT
        step = CopyStep(
            key=self.tree,
            created_by="",
            text=at.text,
            line=at.span.line,
            source=source,
            sources=sources,
            destination=self._destination(destination),
            inline=tuple(
                _inline(doc.name, self.around.expander(doc.content, self.scope.get, at, plain=True))
                if doc.expand
                else _inline(doc.name, doc.content)
                for doc in at.heredocs
            ),
            chown=self._word(at.chown, at),
            chmod=self._word(at.chmod, at),
            link=bool(at.link),
            parents=at.parents,
            exclude=tuple(self._word(pattern, at) for pattern in at.exclude),
            add=add is not None,
            unpack=add.unpack if add else None,
            checksum=self._word(add.checksum, at) if add else "",
            keep_git_dir=add.keep_git_dir if add else False,
        )
        _check_copy(step)
        content = self._selected(step, at) if source == CONTEXT else self.around.content(source)
        self._add(msgspec.structs.replace(step, created_by=_copy_history(step, destination)), content)

    def _selected(self, step: CopyStep, at: ast.Copy) -> object:
        """Return what a COPY from the context takes, for its key."""
        local = [source for source in step.sources if not (step.add and is_remote(source))]
        for pattern in unmatched(self.around.context, local):
            self.around.warn(at.span.line, f"{pattern!r} matches nothing in the build context")
        items = select(self.around.context, local, parents=step.parents, exclude=step.exclude)
        for item in items:
            self.around.uses(item.source, keys.fact_text(self.around.context, item.source, item.fact))
        self.site = self.site.copied(step, items, self._known_item)
        fetched = [self.around.remote(source, step) for source in step.sources if source not in local]
        return [*keys.selection(self.around.context, items), *fetched]

    def _known_item(self, item: Selected) -> KnownFile:
        context, path = self.around.context, item.source
        return KnownFile(context.digest(path), lambda: context.read(path))

    def _destination(self, text: str) -> str:
        """Return the absolute destination, with a ``/`` at its end when it names a directory."""
        directory = text in {"", ".", ".."} or text.endswith(("/", "/.", "/.."))
        path = normalise(posixpath.join(self.draft.config.working_dir or "/", text))
        return path + "/" if directory and path != "/" else path


PIPES = "/dev/pipes"
"""Where the files of ``RunStep.inline`` are seen."""

_NETWORKS: dict[str, Literal["default", "none", "host"]] = {
    "default": "default",
    "none": "none",
    "host": "host",
}


def _inline(name: str, content: str) -> InlineFile:
    if "/" in name or name in {".", ".."}:
        raise UsageError(f"a heredoc cannot be called {name!r}", why="its name becomes the name of a file")
    return InlineFile(name, content.encode("utf-8", "surrogateescape"))


def _check_copy(step: CopyStep) -> None:
    if step.chown and (problem := bad_user(step.chown)):
        raise UsageError(
            f"--chown={step.chown[:80]} is refused", why=problem, hint="use names or decimal ids"
        )
    if step.chmod and (problem := bad_chmod(step.chmod)):
        raise UsageError(f"--chmod={step.chmod[:80]} is not a mode", why=problem)
    remote = [source for source in step.sources if is_remote(source)]
    if remote and not step.add:
        raise UsageError(
            f"COPY cannot fetch {remote[0][:200]!r}", hint="use ADD for what comes from a network"
        )
    if step.checksum and (len(step.sources) != 1 or not remote):
        raise UsageError("--checksum needs exactly one source, which is a URL or a git repository")
    if not all(step.sources):
        raise UsageError("a source is empty", hint="a variable in it may have no value")


def _copy_history(step: CopyStep, destination: str) -> str:
    words = [
        "ADD" if step.add else "COPY",
        *(["--parents"] if step.parents else []),
        *([f"--chown={step.chown}"] if step.chown else []),
        *([f"--chmod={step.chmod}"] if step.chmod else []),
        *step.sources,
        *(f"<<{file.name}" for file in step.inline),
        destination,
        "# buildkit",
    ]
    return " ".join(words)
