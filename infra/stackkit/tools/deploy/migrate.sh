# Run on an instance by SSM: the new image, once, with what the running service was told.
set -eu
case "$image" in
  *.dkr.ecr.*)
    aws ecr get-login-password | docker login --username AWS --password-stdin "${image%%/*}" >/dev/null ;;
esac
docker pull --quiet "$image" >/dev/null
exec docker run --rm --env-file /run/app/environment --user "$user:$user" --read-only \
  --cap-drop=ALL --security-opt=no-new-privileges "$image" alembic upgrade head
