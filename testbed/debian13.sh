#!/usr/bin/env bash
# Runs the README's test command in Debian 13 with the image's Python 3.13, in a separate folder, on
# any Debian. Needs root, for debootstrap and chroot.
set -euo pipefail
cd "$(dirname "$0")/.."
root=${DEBIAN13:-$PWD/.cache/debian13}
[ "$(id -u)" = 0 ] || { echo "This needs root, for chroot."; exit 1; }
command -v go >/dev/null || { echo "Go is needed: Debian 13's own is too old to build Centrifugo."; exit 1; }
# in its own mount namespace: however this ends, nothing of this machine stays mounted below
[ -n "${MOUNTS_ARE_OURS:-}" ] || MOUNTS_ARE_OURS=1 exec unshare --mount testbed/debian13.sh
command -v debootstrap >/dev/null || apt-get install -qq --yes debootstrap >/dev/null

if [ ! -e "$root/.made" ]; then
  debootstrap --variant=minbase \
    --include=python3,python3-venv,python3-dev,g++,git,make,ca-certificates,procps,adduser,nodejs,npm \
    trixie "$root" >/dev/null
  touch "$root/.made"
fi

# network, certificates, registries and Go are this machine's; Debian's Go is too old
go=$(go env GOROOT)
modules=$(go env GOMODCACHE)
mkdir -p "$root$go" "$root$modules" "$root/root/.config"
cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
for file in /etc/pip.conf /etc/npmrc /usr/etc/npmrc "$HOME/.npmrc" "$HOME/.config/pip/pip.conf"; do
  [ ! -e "$file" ] || install -D -m 600 "$file" "$root/${file/#$HOME//root}"
done

# its root is a mount as well: tests that mount something need that
mount --bind "$root" "$root"
for folder in /proc /dev /dev/pts /dev/shm "$go" "$modules"; do
  mount --bind "$folder" "$root$folder"
done

rm -rf "$root/src"
git clone --quiet . "$root/src"
chroot "$root" /usr/bin/env -i HOME=/root LANG=C.UTF-8 \
  PATH="$go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" \
  make -C /src test
