set -euo pipefail
umask 077

# The value that an ARN of Secrets Manager (ARN:key:: for one key of JSON) or of SSM leads to.
fetch() {
  case "$1" in
    arn:*:ssm:*)
      aws ssm get-parameters --with-decryption --names "$1" \
        --query 'Parameters[0].Value' --output text ;;
    *)
      local whole key
      whole=$(cut -d: -f1-7 <<<"$1")
      key=$(cut -d: -f8 <<<"$1")
      aws secretsmanager get-secret-value --secret-id "$whole" \
        --query SecretString --output text | python3 -c '
import json, sys
value, key = sys.stdin.read().rstrip("\n"), sys.argv[1]
print(json.loads(value)[key] if key else value)' "$key" ;;
  esac
}

# Writes a file of variables, with those that are secret, which no template holds.
with_secrets() {
  cat "$1"
  while read -r name reference; do
    value=$(fetch "$reference")
    printf '%s=%s\n' "$name" "$value"
  done <"$2"
}

# A baked AMI may have the image already.
pull() {
  if docker image inspect "$1" >/dev/null 2>&1; then return; fi
  case "$1" in
    *.dkr.ecr.*)
      aws ecr get-login-password | docker login --username AWS --password-stdin "${1%%/*}" ;;
  esac
  docker pull --quiet "$1"
}
