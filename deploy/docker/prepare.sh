#!/bin/sh
# Makes .env and secrets/ beside this file; what is there already stays as it is.
set -eu
cd "$(dirname "$0")"
[ -e .env ] || cp .env.example .env
# The container's user has to read the files, so only their folder keeps other users of this machine out.
mkdir -p secrets
chmod 700 secrets
umask 022
fresh() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
keep() { [ -e "secrets/$1" ] || printf %s "$2" >"secrets/$1"; }
keep postgres_password "$(fresh)"
keep database_url "postgresql://bridge:$(cat secrets/postgres_password)@database/bridge"
keep bridge_admin_token "$(fresh)"
keep metrics_token "$(fresh)"
for name in dx_api_token pagerduty_webhook_secrets opsgenie_webhook_tokens jsm_webhook_tokens jira_webhook_secrets; do
  keep "$name" ""
done
