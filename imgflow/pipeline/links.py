"""Where a photo's result can be fetched."""

from sqlalchemy import select

from imgflow.catalog.tables import Photo, Result
from imgflow.errors import UsageError
from imgflow.pipeline.workspace import Workspace


def published_link(workspace: Workspace, photo_key: str) -> str:
    """A link to the photo's published result; on S3 presigned, good for `presign_seconds`.

    Raises:
        UsageError: the catalog has no such photo, or it has no result.
        InfrastructureError: the store or the catalog is away.
    """
    with workspace.catalog.read() as session:
        photos = list(session.scalars(select(Photo).where(Photo.key == photo_key)))
        results = select(Result.object_key).where(
            Result.photo_id.in_([photo.id for photo in photos]), Result.stage == "publish", Result.status == "done"
        )
        key = session.scalars(results).first()
    if not photos:
        raise UsageError(f"{photo_key}: the catalog has no such photo; its key is its path below the inbox")
    if not key:
        photo = photos[0]
        raise UsageError(
            f"{photo_key}: there is no result; it is {photo.status}: {photo.error_message or 'not done yet'}"
        )
    return workspace.store.url(key, workspace.settings.presign_seconds)
