"""What a run's events tell of an attempt at a step: has it ended, and what happened in it."""

from dagster import DagsterEvent, DagsterEventType, DagsterInstance
from dagster._grpc.types import ExecuteStepArgs

BEGUN = {DagsterEventType.STEP_START, DagsterEventType.STEP_RESTARTED}
ENDED = {DagsterEventType.STEP_UP_FOR_RETRY, DagsterEventType.STEP_SUCCESS, DagsterEventType.STEP_FAILURE}

_LAST_WORDS = 2000


def attempt_of(args: ExecuteStepArgs) -> int:
    """How often Dagster has tried this step again."""
    return args.known_state.get_retry_state().get_attempt_count(step_of(args)) if args.known_state else 0


def step_of(args: ExecuteStepArgs) -> str:
    """The one step that is to be executed.

    Raises:
        ValueError: it is none, or several.
    """
    keys = args.step_keys_to_execute
    if not keys or len(keys) != 1:
        raise ValueError(f"one step at a time, not {keys}")
    return keys[0]


def events_of_ended(instance: DagsterInstance, args: ExecuteStepArgs) -> list[DagsterEvent]:
    """The events of this attempt, from its start to its end; none if it has not ended."""
    if sum(event.event_type in ENDED for event in _events(instance, args, ENDED)) <= attempt_of(args):
        return []  # as nearly always; all events, with their contact sheets, need not be read for that
    ended: list[list[DagsterEvent]] = []
    current: list[DagsterEvent] = []
    for event in _events(instance, args):
        current = [event] if event.event_type in BEGUN else [*current, event]
        if event.event_type in ENDED:
            ended.append(current)
            current = []
    return ended[attempt_of(args)]


def deaths(instance: DagsterInstance, args: ExecuteStepArgs) -> int:
    """How often somebody began this step and did not live to end it."""
    types = [event.event_type for event in _events(instance, args, BEGUN | ENDED)]
    return sum(each in BEGUN for each in types) - sum(each in ENDED for each in types)


def last_words(instance: DagsterInstance, args: ExecuteStepArgs) -> str:
    """The end of what the step has printed, as far as it was captured."""
    entries = instance.all_logs(args.run_id, of_type=DagsterEventType.LOGS_CAPTURED)
    for event in (entry.dagster_event for entry in reversed(entries)):
        captured = event.logs_captured_data if event else None
        if captured and step_of(args) in (captured.step_keys or ()):
            key = [args.run_id, "compute_logs", captured.file_key]
            logs = instance.compute_log_manager.get_log_data(key)
            words = (logs.stdout or b"") + (logs.stderr or b"")
            return words.decode(errors="replace")[-_LAST_WORDS:].strip()
    return ""


def _events(
    instance: DagsterInstance, args: ExecuteStepArgs, kinds: set[DagsterEventType] | None = None
) -> list[DagsterEvent]:
    step = step_of(args)
    entries = instance.all_logs(args.run_id, of_type=kinds)
    return [entry.dagster_event for entry in entries if entry.dagster_event and entry.dagster_event.step_key == step]
