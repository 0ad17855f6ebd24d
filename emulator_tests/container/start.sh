#!/bin/sh
# Start the stack, and let the ports that the container publishes reach it: its programs listen on 127.0.0.1 only.
set -eu

address=$(hostname -i | cut -d ' ' -f 1)
for port in $(python3 -c 'from emulator_tests.testbed.ports import FIXED_PORTS; print(*FIXED_PORTS.values())'); do
  socat "TCP-LISTEN:$port,bind=$address,fork,reuseaddr" "TCP:127.0.0.1:$port" &
done
exec make up
