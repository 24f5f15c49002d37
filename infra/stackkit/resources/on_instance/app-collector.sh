# Becomes the collector, with credentials of the instance's role for as long as they last: a container
# can't reach the metadata service, so that the service can't borrow the role.
token=$(curl -sf -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' \
  http://169.254.169.254/latest/api/token)
role() {
  curl -sf -H "X-aws-ec2-metadata-token: $token" \
    "http://169.254.169.254/latest/meta-data/iam/security-credentials/$1"
}

install -d -m 0700 /run/app
with_secrets /etc/app/collector /etc/app/collector-secrets >/run/app/collector
lasts=$(role "$(role '')" | python3 -c '
import datetime, json, sys
given = json.load(sys.stdin)
with open(sys.argv[1], "a") as file:
    print("AWS_ACCESS_KEY_ID", given["AccessKeyId"], sep="=", file=file)
    print("AWS_SECRET_ACCESS_KEY", given["SecretAccessKey"], sep="=", file=file)
    print("AWS_SESSION_TOKEN", given["Token"], sep="=", file=file)
end = datetime.datetime.fromisoformat(given["Expiration"].replace("Z", "+00:00"))
print(int((end - datetime.datetime.now(datetime.timezone.utc)).total_seconds()) - 60)' \
  /run/app/collector)

pull "$image"
docker rm --force collector >/dev/null 2>&1 || true
# systemd starts it again, with new ones
exec timeout --signal=TERM "$((lasts > 30 ? lasts : 30))" \
  docker run --name collector --rm --env-file /run/app/collector "${limits[@]}" "$image"
