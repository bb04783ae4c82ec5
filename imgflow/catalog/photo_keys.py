"""The keys of photos, and names that are made of them; for those who need no database."""

# S3 takes 1,024 bytes a key, file systems 255 bytes a name; both with room for our own prefix and hash.
_LONGEST_KEY = 900
_LONGEST_NAME = 220
_LEAST_NAME = 8


def folder_of(key: str) -> str:
    """The key's folder; empty at the top."""
    return key.rpartition("/")[0]


def shortened(parent: str, name: str, ending: str = "") -> str:
    """Parent, name and ending in one; of the name only as much as every store can take.

    Args:
        parent: the folder with its slash; empty at the top.
        name: the last part of a key.
        ending: stays whole. Where names may be alike in their beginnings, it has to tell them apart.
    """
    room = min(_LONGEST_NAME, _LONGEST_KEY - len(parent.encode())) - len(ending.encode())
    return f"{parent}{name.encode()[: max(room, _LEAST_NAME)].decode(errors='ignore')}{ending}"
