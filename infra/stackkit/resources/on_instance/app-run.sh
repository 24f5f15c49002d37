# Fetches the secrets, then becomes the container.
install -d -m 0700 /run/app
with_secrets /etc/app/environment /etc/app/secrets >/run/app/environment.new
# whole or not at all: a migration reads it, too
mv /run/app/environment.new /run/app/environment

pull "$image"
docker rm --force app >/dev/null 2>&1 || true
exec docker run --name app --rm --env-file /run/app/environment "${limits[@]}" "$image"
