#!/bin/sh
# What the template takes from the settings and from the container; then the image's own entry point.

# Docker's resolver has one address, Podman's another. The first alone: nginx takes turns, and the machine's resolvers, which
# Podman lists after its own, know no container.
RESOLVER=$(awk '$1 == "nameserver" { print $2 ~ /:/ ? "[" $2 "]" : $2; exit }' /etc/resolv.conf)
export RESOLVER

# nginx asks its resolver for whole names. Those of Kubernetes end in the first domain that pods search: NAMESPACE.svc.….
SEARCH_DOMAIN=$(awk '$1 == "search" && $2 ~ /\.svc\./ { print "." $2 }' /etc/resolv.conf)
export SEARCH_DOMAIN

# The names of PUBLIC_URL, GATEWAY_URL and ALLOWED_HOSTS, as lines of a map.
SERVED_NAMES=$(echo "$PUBLIC_URL,$GATEWAY_URL,$ALLOWED_HOSTS,localhost,nginx" | tr ', ' '\n\n' \
  | sed 's|^[a-z]*://||; s|[:/].*||' | tr '[:upper:]' '[:lower:]' | grep -E '^[a-z0-9._-]+$' | sort -u | sed 's/$/ 1;/')
export SERVED_NAMES

# Whose X-Forwarded-For counts.
REAL_IP=$(echo "$TRUSTED_PROXIES" | tr ', ' '\n\n' | sed -n 's/^[0-9a-fA-F.:/]\{1,\}$/set_real_ip_from &;/p')
export REAL_IP

exec /docker-entrypoint.sh "$@"
