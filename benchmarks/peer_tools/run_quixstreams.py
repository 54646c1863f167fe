"""Count the messages of a topic in windows of an hour by key with quixstreams; prints CPU seconds.

Run with the interpreter of its own environment: `python run_quixstreams.py BOOTSTRAP TOPIC MESSAGES`.
"""

import sys
import tempfile
import time
import uuid

from quixstreams import Application

HOUR_MS = 3_600_000


def main() -> None:
    """Read the topic from its beginning, once."""
    bootstrap, topic, n_messages = sys.argv[1], sys.argv[2], int(sys.argv[3])
    with tempfile.TemporaryDirectory() as state:
        app = Application(
            broker_address=bootstrap,
            consumer_group=f"quixstreams-{uuid.uuid4()}",
            auto_offset_reset="earliest",
            state_dir=state,
            use_changelog_topics=False,
            loglevel="ERROR",
        )
        frame = app.dataframe(app.topic(topic, value_deserializer="json", key_deserializer="str"))
        frame = frame.tumbling_window(HOUR_MS).count().current()
        started = time.process_time()
        app.run(count=n_messages)
        print(time.process_time() - started)


if __name__ == "__main__":
    main()
