"""Items, and the keys that make their creation safe to repeat."""

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE items (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200),
            price_cents bigint NOT NULL CHECK (price_cents >= 0),
            description text NOT NULL DEFAULT '',
            version integer NOT NULL DEFAULT 1,
            created_at timestamptz NOT NULL DEFAULT now(),
            updated_at timestamptz NOT NULL DEFAULT now()
        )
    """)
    op.execute("""
        CREATE TABLE idempotency_keys (
            operation text NOT NULL,
            key text NOT NULL,
            fingerprint bytea NOT NULL,
            answer jsonb NOT NULL,
            created_at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (operation, key)
        )
    """)
    op.execute("CREATE INDEX ON idempotency_keys (created_at)")


def downgrade() -> None:
    op.execute("DROP TABLE idempotency_keys")
    op.execute("DROP TABLE items")
