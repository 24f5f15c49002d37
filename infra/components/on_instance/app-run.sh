# Fetches the secrets, which no template holds, then becomes the container.
set -euo pipefail
umask 077

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

install -d -m 0700 /run/app
cp /etc/app/environment /run/app/environment.new
while read -r name reference; do
  value=$(fetch "$reference")
  printf '%s=%s\n' "$name" "$value" >>/run/app/environment.new
done </etc/app/secrets
# whole or not at all: a migration reads it, too
mv /run/app/environment.new /run/app/environment

if ! docker image inspect "$image" >/dev/null 2>&1; then
  case "$image" in
    *.dkr.ecr.*)
      aws ecr get-login-password | docker login --username AWS --password-stdin "${image%%/*}" ;;
  esac
  docker pull --quiet "$image"
fi
docker rm --force app >/dev/null 2>&1 || true
exec docker run --name app --rm --env-file /run/app/environment "${limits[@]}" "$image"
