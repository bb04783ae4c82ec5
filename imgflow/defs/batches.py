"""The partitions: one for each batch."""

from dagster import DynamicPartitionsDefinition


def batch_partitions(name: str | None) -> DynamicPartitionsDefinition:
    """The partitions definition of one imgflow catalog; its keys are the batches' keys."""
    return DynamicPartitionsDefinition(name=f"{name}_batches" if name else "batches")
