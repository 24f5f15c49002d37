# Waits until the group takes this instance out, lets its requests end, and says that it may go:
# out of the load balancer, then SIGTERM, then the machine, as on Fargate.
set -uo pipefail

metadata() {
  local token
  token=$(curl -sf -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' \
    http://169.254.169.254/latest/api/token)
  curl -sf -H "X-aws-ec2-metadata-token: $token" "http://169.254.169.254/latest/meta-data/$1"
}

until [[ "$(metadata autoscaling/target-lifecycle-state)" == *Terminated ]]; do sleep 5; done
sleep "$drain"
systemctl stop app
# refused until the group has reached the hook
until aws autoscaling complete-lifecycle-action --lifecycle-hook-name "$hook" \
  --auto-scaling-group-name "$(metadata tags/instance/aws:autoscaling:groupName)" \
  --instance-id "$(metadata instance-id)" --lifecycle-action-result CONTINUE; do sleep 5; done
