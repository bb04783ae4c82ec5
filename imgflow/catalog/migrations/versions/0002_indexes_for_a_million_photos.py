"""The refresh finds stale photos by status and chain, then by folder; folders are compared by their bytes.

Members are found by photo or batch only: SQLite took the index on their state first, and read all that wait each time.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_BY_FOLDER = ("ix_photos_folder_status_chain", ["folder", "status", "chain"])
_BY_CHAIN = ("ix_photos_status_chain_folder", ["status", "chain", "folder"])


def upgrade() -> None:
    """To this version."""
    op.drop_index(_BY_FOLDER[0], table_name="photos")
    _collate_folders("C")
    op.create_index(_BY_CHAIN[0], "photos", _BY_CHAIN[1], unique=False)
    op.drop_index("ix_members_state", table_name="members")


def downgrade() -> None:
    """Back to the version before."""
    op.create_index("ix_members_state", "members", ["state"], unique=False)
    op.drop_index(_BY_CHAIN[0], table_name="photos")
    _collate_folders("default")
    op.create_index(_BY_FOLDER[0], "photos", _BY_FOLDER[1], unique=False)


def _collate_folders(collation: str) -> None:
    # SQLite compares bytes anyhow.
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("photos", "folder", type_=sa.Text(collation=collation), existing_nullable=False)
