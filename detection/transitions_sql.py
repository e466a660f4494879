"""The table of allowed transitions as a PostgreSQL trigger, so that not even raw SQL can take another way."""

from __future__ import annotations

from django.db.migrations.operations import RunSQL

from detection.states import ALLOWED_TRANSITIONS


def guard_transitions() -> RunSQL:
    """A trigger that refuses every change of state that ALLOWED_TRANSITIONS does not name."""
    pairs = ", ".join(
        f"('{before.value}', '{after.value}')"
        for before, afters in ALLOWED_TRANSITIONS.items()
        for after in sorted(afters)
    )
    return RunSQL(
        f"""
        CREATE FUNCTION detection_check_transition() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          IF (OLD.state, NEW.state) NOT IN ({pairs}) THEN
            RAISE EXCEPTION 'detection cannot go from % to %', OLD.state, NEW.state
              USING ERRCODE = 'check_violation';
          END IF;
          RETURN NEW;
        END $$;
        CREATE TRIGGER detection_transition BEFORE UPDATE OF state ON detection_detection
          FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state)
          EXECUTE FUNCTION detection_check_transition();
        """,
        """
        DROP TRIGGER detection_transition ON detection_detection;
        DROP FUNCTION detection_check_transition();
        """,
    )
