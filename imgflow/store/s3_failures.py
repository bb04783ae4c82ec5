"""What an error of S3 or on the way to it means, as data."""

from botocore import exceptions as boto

from imgflow.errors import BadKeyError, ImgflowError, ObjectDeniedError, StoreUnavailableError
from imgflow.store.keys import shown

CREDENTIALS = "Check the access key and the secret (IMGFLOW_S3_ACCESS_KEY_ID, IMGFLOW_S3_SECRET_ACCESS_KEY)."
RIGHTS = "Check the credentials and what they allow: list, read, write and delete below the prefix."
LATER = "Try again later."
ADDRESS = "Check that the server runs, its address (IMGFLOW_S3_ENDPOINT_URL) and the network."

ANSWERS = {
    "NoSuchBucket": ("the bucket does not exist", "Create it, or correct its name."),
    "InvalidBucketName": ("the bucket's name is not valid", "Correct it."),
    "AccessDenied": ("access is denied", RIGHTS),
    "403": ("access is denied", RIGHTS),
    "InvalidAccessKeyId": ("the server does not know the access key", CREDENTIALS),
    "SignatureDoesNotMatch": ("the secret does not belong to the access key", CREDENTIALS),
    "ExpiredToken": ("the credentials have expired", "Sign in again."),
    "RequestTimeTooSkewed": ("this machine's clock is wrong", "Set the clock."),
    "PermanentRedirect": ("the bucket is in another region", "Set IMGFLOW_S3_REGION."),
    "AuthorizationHeaderMalformed": ("the bucket is in another region", "Set IMGFLOW_S3_REGION."),
    "301": ("the bucket is in another region", "Set IMGFLOW_S3_REGION."),
    "SlowDown": ("the server asks for fewer requests", LATER),
    "ServiceUnavailable": ("the server is not available for now", LATER),
    "InternalError": ("the server had an internal error", LATER),
    "QuotaExceeded": ("the quota is used up", "Make room, or ask for a larger quota."),
    "507": ("the server's disk is full", "Make room on it."),
    "InsufficientStorage": ("the server's disk is full", "Make room on it."),
    "NotImplemented": ("the server does not know this request", "Unset IMGFLOW_S3_ENCRYPTION, or use another server."),
}
"""By S3 error code or, where a HEAD request's answer has no code, HTTP status: reason, remedy."""

DENIED = "AccessDenied", "403"
"""What one object may say while the others can be read."""

ON_THE_WAY: tuple[tuple[type[Exception], str, str], ...] = (
    (boto.NoCredentialsError, "there are no credentials", CREDENTIALS),
    (boto.PartialCredentialsError, "half of the credentials is missing", CREDENTIALS),
    (boto.CredentialRetrievalError, "the credentials could not be fetched", CREDENTIALS),
    (boto.NoRegionError, "no region is set", "Set IMGFLOW_S3_REGION."),
    (boto.ProxyConnectionError, "the proxy does not answer", "Check the proxy settings of this machine."),
    (boto.SSLError, "the encrypted connection failed", "Check the server's certificate and the address."),
    (boto.ConnectTimeoutError, "the server cannot be reached in time", ADDRESS),
    (boto.ReadTimeoutError, "the server stopped answering", LATER),
    (boto.EndpointConnectionError, "the server refuses the connection or cannot be found", ADDRESS),
    (boto.ConnectionClosedError, "the connection was closed before the answer", LATER),
    (boto.HTTPClientError, "the connection broke", LATER),
    (boto.IncompleteReadError, "the connection broke in the middle of the object", LATER),
    (boto.FlexibleChecksumError, "the bytes that arrived do not have the object's checksum", LATER),
)
"""By exception, the narrower first: reason, remedy."""

MISPLACED = {
    "KeyTooLongError": "the server finds it too long",
    "InvalidObjectName": "the server refuses the name",
    "XMinioInvalidObjectName": "the server refuses the name",
    "ExistingObjectIsDirectory": "a folder has this name",
    "ExistingObjectIsFile": "an object stands where a folder of this key should be",
}
"""By S3 error code: why this key can never be written there. Trying again does not help."""


def code_of(error: Exception) -> str:
    """The S3 error code or HTTP status of an answer; empty if there was no answer."""
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, boto.ClientError) else ""


def s3_error(error: Exception, store: str, action: str, key: str) -> ImgflowError:
    """The error to raise for an error of botocore.

    Args:
        error: what was caught.
        store: the store, for people.
        action: the verb: read, look for, write, list, delete.
        key: what it was about; empty: the whole store.
    """
    code = code_of(error)
    if code in MISPLACED:
        return BadKeyError(f"The key {shown(key)} cannot be stored in {store}: {MISPLACED[code]}.")
    reason, remedy = ANSWERS.get(code) or _on_the_way(error)
    what = f"{shown(key)} in {store}" if key else store
    kind = ObjectDeniedError if action in ("read", "look for") and code in DENIED else StoreUnavailableError
    return kind(f"Cannot {action} {what}: {reason}. {remedy}")


def _on_the_way(error: Exception) -> tuple[str, str]:
    for kind, reason, remedy in ON_THE_WAY:
        if isinstance(error, kind):
            return reason, remedy
    return str(error), ADDRESS
