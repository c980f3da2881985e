"""Histories to measure with: LiteLLM's published one where it is at hand, else one that is made up here."""

import zipfile
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
WHEEL = REPOSITORY.parent / "shared/corpus/litellm_proxy_extras-0.4.110-py3-none-any.whl"
EXTRAS = "litellm-proxy-extras/litellm_proxy_extras"
HEAD = 'datasource client {\n  provider = "postgresql"\n  url = env("DATABASE_URL")\n}\n'


@dataclass
class History:
    """A schema and the migrations that make it, by name, in their order."""

    title: str
    schema: str
    migrations: list[tuple[str, str]]

    def write(self, root: Path) -> None:
        """Lays it out as LiteLLM's repository, with the layout that `prisma migrate deploy` wants beside it."""
        for copy in ["", "litellm/proxy", EXTRAS]:
            (root / copy).mkdir(parents=True, exist_ok=True)
            (root / copy / "schema.prisma").write_text(self.schema)
        for name, sql in self.migrations:
            self.add(root, name, sql)
        (self.directory(root) / "migration_lock.toml").write_text('provider = "postgresql"\n')

    def add(self, root: Path, name: str, sql: str) -> None:
        """Adds one migration."""
        directory = self.directory(root) / name
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "migration.sql").write_text(sql)

    @staticmethod
    def directory(root: Path) -> Path:
        """Where the migrations are."""
        return root / EXTRAS / "migrations"


def published() -> History:
    """LiteLLM's 220 migrations; without the wheel as many that are made up, and a word about it."""
    if not WHEEL.is_file():
        print(f"!! {WHEEL} is not there: a history that is made up takes its place", flush=True)
        return made_up(220, 60)
    schema, migrations = "", []
    with zipfile.ZipFile(WHEEL) as wheel:
        for path in wheel.namelist():
            _, _, path_within = path.partition("litellm_proxy_extras/")
            if path_within == "schema.prisma":
                schema = wheel.read(path).decode()
            elif path_within.startswith("migrations/") and path_within.endswith("/migration.sql"):
                migrations.append((path_within.split("/")[1], wheel.read(path).decode()))
    return History("LiteLLM 0.4.110, 220 migrations", schema, sorted(migrations))


def made_up(count: int, models: int) -> History:
    """`count` migrations that make `models` tables, then add, index and drop a column of one after the other: however
    long the history is, the schema is of one size."""
    extra = [False] * models
    migrations = []
    per_file = max(1, -(-models // max(1, count // 2)))
    created = 0
    making = -(-models // per_file)
    for at in range(count):
        statements = []
        for model in range(created, min(models, created + per_file)):
            statements.append(f'CREATE TABLE "model_{model}" ("id" INTEGER NOT NULL, "name" TEXT, '
                              f'CONSTRAINT "model_{model}_pkey" PRIMARY KEY ("id"));')
        created = min(models, created + per_file)
        if not statements:
            turn, step = divmod(at - making, 3)
            model = turn % models
            statements.append([
                f'ALTER TABLE "model_{model}" ADD COLUMN "extra" INTEGER;',
                f'CREATE INDEX "model_{model}_name_idx" ON "model_{model}"("name");\n'
                f'DROP INDEX "model_{model}_name_idx";',
                f'ALTER TABLE "model_{model}" DROP COLUMN "extra";',
            ][step])
            extra[model] = step != 2
        migrations.append((f"{20200101000000 + at}_step_{at}", "\n".join(statements) + "\n"))
    blocks = []
    for model, has_extra in enumerate(extra):
        blocks.append(f"model model_{model} {{\n  id Int @id\n  name String?\n{'  extra Int?' if has_extra else ''}\n}}\n")
    title = f"made up, {count} migrations, {models} models"
    return History(title, HEAD + "\n".join(blocks), migrations)
