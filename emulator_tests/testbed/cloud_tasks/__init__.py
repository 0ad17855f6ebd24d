"""Google Cloud Tasks on this machine: the gRPC service google.cloud.tasks.v2, for queues of HTTP tasks.

The test bed runs it as `python -m emulator_tests.testbed.cloud_tasks --port P`. google-cloud-tasks is its client in
`tests/test_cloud_tasks.py`. It keeps everything in memory, and has neither identity (OIDC, IAM) nor queue updates.

It exists because the available emulators do not behave like the cloud: firebase-tools' own ignores schedule_time;
gcloud-tasks-emulator runs one task of a queue at a time, retries at once and for ever, and runs a used name twice.

Source: https://cloud.google.com/tasks/docs/reference/rpc/google.cloud.tasks.v2 and
https://cloud.google.com/tasks/docs/creating-http-target-tasks#handler
"""
