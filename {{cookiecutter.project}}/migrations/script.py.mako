"""${message}"""

from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    op.execute("""
        SELECT 1
    """)


def downgrade() -> None:
    op.execute("""
        SELECT 1
    """)
