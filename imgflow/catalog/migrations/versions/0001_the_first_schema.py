"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """To this version."""
    op.create_table(
        "batches",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_batches"),
        sa.UniqueConstraint("key", name="uq_batches_key"),
    )
    op.create_index("ix_batches_state", "batches", ["state"], unique=False)
    op.create_table(
        "identity",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_identity"),
    )
    op.create_table(
        "photos",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("source", sa.String(length=8), nullable=False),
        sa.Column("source_stamp", sa.Text(), nullable=True),
        sa.Column("source_listing", sa.Text(), nullable=True),
        sa.Column("version", sa.String(length=64), nullable=True),
        sa.Column("original_key", sa.Text(), nullable=True),
        sa.Column("output_name", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=8), nullable=False),
        sa.Column("chain", sa.String(length=32), nullable=True),
        sa.Column("error_stage", sa.String(length=16), nullable=True),
        sa.Column("error_code", sa.String(length=32), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("format", sa.String(length=16), nullable=True),
        sa.Column("width", sa.Integer(), nullable=True),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.Column("bytes", sa.BigInteger(), nullable=True),
        sa.Column("batch_id", sa.Integer(), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_photos"),
        sa.UniqueConstraint("output_name", name="uq_photos_output_name"),
        sa.UniqueConstraint("source", "key", name="uq_photos_source_key"),
    )
    op.create_index("ix_photos_batch_id", "photos", ["batch_id"], unique=False)
    op.create_index("ix_photos_folder_status_chain", "photos", ["folder", "status", "chain"], unique=False)
    op.create_table(
        "members",
        sa.Column("batch_id", sa.Integer(), nullable=False),
        sa.Column("photo_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("stamp", sa.Text(), nullable=True),
        sa.Column("listing_stamp", sa.Text(), nullable=True),
        sa.Column("version", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.id"], name="fk_members_batch_id_batches"),
        sa.ForeignKeyConstraint(["photo_id"], ["photos.id"], name="fk_members_photo_id_photos"),
        sa.PrimaryKeyConstraint("batch_id", "photo_id", name="pk_members"),
    )
    op.create_index("ix_members_photo_id", "members", ["photo_id"], unique=False)
    op.create_index("ix_members_state", "members", ["state"], unique=False)
    op.create_table(
        "results",
        sa.Column("photo_id", sa.Integer(), nullable=False),
        sa.Column("stage", sa.String(length=16), nullable=False),
        sa.Column("status", sa.String(length=8), nullable=False),
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.Column("chain", sa.String(length=32), nullable=False),
        sa.Column("fingerprint", sa.String(length=32), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("object_key", sa.Text(), nullable=True),
        sa.Column("bytes", sa.BigInteger(), nullable=True),
        sa.Column("seconds", sa.Float(), nullable=True),
        sa.Column("model", sa.Text(), nullable=True),
        sa.Column("device", sa.String(length=16), nullable=True),
        sa.Column("fallback", sa.Text(), nullable=True),
        sa.Column("error_code", sa.String(length=32), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("details", sa.JSON(), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["photo_id"], ["photos.id"], name="fk_results_photo_id_photos"),
        sa.PrimaryKeyConstraint("photo_id", "stage", name="pk_results"),
    )
    op.create_table(
        "run_requests",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("batch_id", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=8), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.id"], name="fk_run_requests_batch_id_batches"),
        sa.PrimaryKeyConstraint("id", name="pk_run_requests"),
    )
    op.create_index("ix_run_requests_batch_id", "run_requests", ["batch_id"], unique=False)


def downgrade() -> None:
    """Back to the version before."""
    op.drop_index("ix_run_requests_batch_id", table_name="run_requests")
    op.drop_table("run_requests")
    op.drop_table("results")
    op.drop_index("ix_members_state", table_name="members")
    op.drop_index("ix_members_photo_id", table_name="members")
    op.drop_table("members")
    op.drop_index("ix_photos_folder_status_chain", table_name="photos")
    op.drop_index("ix_photos_batch_id", table_name="photos")
    op.drop_table("photos")
    op.drop_table("identity")
    op.drop_index("ix_batches_state", table_name="batches")
    op.drop_table("batches")
