# What `provision.sh` and `remove.sh` share: options, running commands, steps. Sourced by both.
# shellcheck shell=bash disable=SC2034 # each script uses some of the variables

# It runs with the bash 3.2 of macOS. It does not stop at the first error on purpose: no `set -e`.
set -uo pipefail

HERE=$(cd "$(dirname "$0")" && pwd)

PROJECT='' REGION=us-central1 DATABASE='(default)' DATABASE_GIVEN='' PREFIX='' ACCOUNT='' DRY_RUN=''
# Not empty: ask nothing either, as if nothing were there.
OFFLINE=''

# --- options ---------------------------------------------------------------------------------------------------------

refuse_option() {
  printf '%s\nRun %s --help for the options.\n' "$1" "$0" >&2
  exit 2
}

check_option() { # check_option OPTION VALUE PATTERN SENTENCE
  [[ $2 =~ ^($3)$ ]] || refuse_option "$1 must be $4, not '$2'."
}

# The options with a value that every script has. A script reads its own ones with `own_option OPTION VALUE`, and its
# switches with `own_switch SWITCH`; each returns 1 for what it does not know.
COMMON_OPTIONS='--project --region --database --prefix --account'

read_options() { # read_options OWN-OPTIONS WORD…
  local options=" $COMMON_OPTIONS $1 " option value
  shift
  while [ $# -gt 0 ]; do
    case $1 in
      --dry-run) DRY_RUN=1; shift; continue ;;
      -h | --help) sed -n '2,/^$/s/^# \{0,1\}//p' "$0"; exit 0 ;;
      --*=*) option=${1%%=*} value=${1#*=}; shift ;;
      *)
        if own_switch "$1"; then shift; continue; fi
        [[ $options == *" $1 "* ]] || refuse_option "$1 is not an option."
        [ $# -ge 2 ] || refuse_option "$1 needs a value."
        option=$1 value=$2; shift 2 ;;
    esac
    read_option "$option" "$value"
  done
  [ -n "$PROJECT" ] || refuse_option "--project is missing."
  COMMON=("--project=$PROJECT" --quiet)
  [ -z "$ACCOUNT" ] || COMMON+=("--account=$ACCOUNT")
  RUNTIME=greenroom@$PROJECT.iam.gserviceaccount.com
  WORK=$(mktemp -d "${TMPDIR:-/tmp}/greenroom.XXXXXX") || exit 1
  trap 'rm -rf "$WORK"' EXIT
  OUT=$WORK/out ERR=$WORK/err
  : >"$OUT"
  : >"$ERR"
  # The header is in a file, so that no list of processes shows the token.
  REST=(curl --silent --show-error --fail-with-body --header "@$WORK/header" --header 'Content-Type: application/json')
}

read_option() { # read_option OPTION VALUE
  case $1 in
    --project)
      check_option "$1" "$2" '[a-z][a-z0-9-]{4,28}[a-z0-9]' "the id of a project, 6 to 30 letters, digits or hyphens"
      PROJECT=$2 ;;
    --region)
      check_option "$1" "$2" '[a-z]+-[a-z]+[0-9]+' "a region, such as europe-west1"
      REGION=$2 ;;
    --database)
      check_option "$1" "$2" '\(default\)|[a-z][a-z0-9-]{2,61}[a-z0-9]' "(default), or 4 to 63 letters, digits or hyphens"
      DATABASE=$2 DATABASE_GIVEN=1 ;;
    --prefix)
      check_option "$1" "$2" '([a-z]([a-z0-9-]{0,28}[a-z0-9])?)?' \
        "up to 30 small letters, digits or hyphens, as in firebase.json: without the hyphen at its end"
      PREFIX=${2:+$2-} ;;
    --account)
      check_option "$1" "$2" '[^[:space:]@]+@[^[:space:]@]+' "the address of an account"
      ACCOUNT=$2 ;;
    *) own_option "$1" "$2" || refuse_option "$1 is not an option." ;;
  esac
}

# --- running commands ------------------------------------------------------------------------------------------------

PAUSE_S=10
RETRIES_OF_A_STEP=6
# What is worth another try.
NOT_YET='concurrent policy changes|ABORTED|UNAVAILABLE|UNAUTHENTICATED: .*try again'
# What else than "not found" says that something is not there.
ABSENT=''

shown() { # shown COMMAND…: as a shell reads it
  local word text=''
  for word in "$@"; do
    if [[ $word =~ ^[A-Za-z0-9_@%+=:,./-]+$ ]]; then text="$text $word"; else text="$text '${word//\'/\'\\\'\'}'"; fi
  done
  printf '%s' "${text# }"
}

call() { # call COMMAND…: run it; it leaves its output in $OUT and its complaint in $ERR
  while ! "$@" </dev/null >"$OUT" 2>"$ERR"; do
    cat "$OUT" >>"$ERR" # curl writes the answer of a refused call to its output
    if [ "$RETRIES" -eq 0 ] || ! grep -Eq "$NOT_YET" "$ERR"; then return 1; fi
    RETRIES=$((RETRIES - 1))
    echo "      Google has not spread an earlier change yet: trying again in $PAUSE_S s."
    sleep "$PAUSE_S"
  done
}

change() { # change COMMAND…: run what changes something, or print it
  if [ -n "$DRY_RUN" ]; then
    echo "      \$ $(shown "$@")"
    return 0
  fi
  call "$@" && return 0
  MEND="$MEND      $(shown "$@")"$'\n'
  complain
  return 1
}

ask() { # ask COMMAND…: 0: it is there, described in $OUT; 1: it is not there; 2: the question was refused
  if [ -n "$OFFLINE" ]; then
    echo "      \$ $(shown "$@")"
    : >"$OUT"
    return 1
  fi
  call "$@" && return 0
  if [ -n "$ABSENT" ] && grep -Eq "$ABSENT" "$ERR"; then return 1; fi
  if ! grep -q PERMISSION_DENIED "$ERR" && grep -Eq 'NOT_FOUND|[Nn]ot found|does not exist' "$ERR"; then return 1; fi
  complain
  return 2
}

complain() { # print what was said, indented; the reason of the first complaint of a step is kept for the end
  sed 's/^/      | /' "$ERR" >&2
  [ -n "$WHY" ] || WHY=$(reason)
}

says() {
  grep -Eiq "$1" "$ERR"
}

signed_out() {
  says 'gcloud auth login|active account|invalid_grant|reauth'
}

reason() { # say in a sentence why the last command was refused, and what to do
  if says 'BILLING_DISABLED|billing account|requires billing|billing (must|to) be enabled'; then
    echo "The project has no billing account. Link one: gcloud billing projects link $PROJECT --billing-account=ID (gcloud billing accounts list shows them)."
  elif says 'do not belong to a permitted customer|allowedPolicyMemberDomains'; then
    echo "Your organisation lets only its own accounts into a policy (domain-restricted sharing). Take an account of the organisation, or ask its administrator for an exception of this project."
  elif says 'resourceLocations|LOCATION_POLICY'; then
    echo "Your organisation does not allow this location. Take one that it allows, or ask its administrator."
  elif says 'disableServiceAccountCreation'; then
    echo "Your organisation forbids new service accounts. Ask its administrator for an exception of this project."
  elif says '[sg]etIamPolicy'; then
    echo "Your account may not change who may do what. Ask an owner of the project to run this script, or to grant you roles/resourcemanager.projectIamAdmin and roles/iam.serviceAccountAdmin."
  elif says 'SERVICE_DISABLED|has not been used in project'; then
    echo "An API is not enabled yet. Run this script again in some minutes."
  elif says 'notification ?channel'; then
    echo "There is no such notification channel in this project: gcloud beta monitoring channels list --project=$PROJECT."
  elif says 'service account [^ ]+-compute@[^ ]+ does not exist'; then
    echo "The project has no default compute account. It comes with an API: gcloud services enable compute.googleapis.com --project=$PROJECT."
  elif says 'cannot find metric'; then
    echo "Google does not know the new log metric yet. Run this script again in some minutes."
  elif says 'invalid location|location .* is not|unsupported location|not a valid location'; then
    echo "There is no such location. Take one of: gcloud firestore locations list --project=$PROJECT."
  elif says 'command not found|No such file or directory'; then
    echo "A program is missing, which the lines above name. gcloud: https://cloud.google.com/sdk; firebase: npm install -g firebase-tools."
  elif says 'firebase login|failed to authenticate'; then
    echo "firebase is not signed in. Run: firebase login."
  elif signed_out; then
    echo "gcloud is not signed in. Run: gcloud auth login."
  elif says 'PERMISSION_DENIED|403|does not have permission'; then
    echo "Your account lacks a permission, which the lines above name. Ask an owner of the project, or take another account with --account."
  elif says 'NOT_FOUND|not found|does not exist'; then
    echo "Something that this step needs does not exist; the lines above name it."
  elif says 'could not resolve|connect|timed out'; then
    echo "Google was not reached. Check the network, and run this script again."
  else
    echo "The lines above say why. Run this script again when that is mended."
  fi
}

# --- steps -----------------------------------------------------------------------------------------------------------

STEP=0 REFUSED='' MISSING=''

step() { # step NAME NEEDED-STEPS SENTENCE COMMAND…
  local name=$1 needs=$2 sentence=$3 need
  shift 3
  STEP=$((STEP + 1)) RETRIES=$RETRIES_OF_A_STEP
  printf -v "TITLE_$name" %s "$sentence"
  RESULT='done' MEND='' WHY=''
  [ -z "$DRY_RUN" ] || RESULT=''
  printf '[%2d/%d] %s\n' "$STEP" "$STEPS" "$sentence"
  for need in $needs; do
    if [[ " $REFUSED " == *" $need "* ]]; then
      need=TITLE_$need
      WHY="It needs the step '${!need}', which was refused."
      break
    fi
  done
  if [ -z "$WHY" ] && "$@"; then
    [ -n "$OFFLINE" ] || [ -z "$RESULT" ] || echo "      $RESULT"
    return
  fi
  REFUSED="$REFUSED $name"
  echo "      refused: $WHY"
  [ -n "$MEND" ] || MEND="      $(shown "${SELF[@]}")"$'\n'
  MISSING="$MISSING  $sentence: $WHY"$'\n'"$MEND"
}

there_already() {
  RESULT='there already'
}

find_project() {
  NUMBER=PROJECT_NUMBER
  ask gcloud projects describe "$PROJECT" --format='value(projectNumber)' "${COMMON[@]}"
  case $? in
    0) NUMBER=$(cat "$OUT") && RESULT="number $NUMBER" ;;
    1) [ -n "$OFFLINE" ] || { WHY="There is no project $PROJECT: firebase projects:create."; return 1; } ;;
    *) return 1 ;;
  esac
}

API=https://monitoring.googleapis.com/v3

sign_in() { # write the header of the calls of the REST API
  if [ -n "$OFFLINE" ]; then
    echo "      \$ echo \"Authorization: Bearer \$(gcloud auth print-access-token $(shown "${COMMON[@]}"))\" >$WORK/header"
    return
  fi
  call gcloud auth print-access-token "${COMMON[@]}" || { complain; return 1; }
  printf 'Authorization: Bearer %s\n' "$(cat "$OUT")" >"$WORK/header"
}

find_policy() { # find_policy DISPLAY-NAME: as `ask`; it leaves the name in $POLICY, empty if there is none
  local status
  ask "${REST[@]}" --get "$API/projects/$PROJECT/alertPolicies" --data-urlencode "filter=display_name=\"$1\"" \
    --data-urlencode 'fields=alertPolicies(name,userLabels)'
  status=$?
  POLICY=$(sed -n 's|^.*"name": "\(projects/[^/"]*/alertPolicies/[0-9]*\)".*$|\1|p' "$OUT" | head -n 1)
  return $status
}

find_dashboard() { # as `ask`; it leaves the names in $OUT
  ask gcloud monitoring dashboards list "--filter=displayName=\"Greenroom ${PREFIX}overview\"" --format='value(name)' \
    "${COMMON[@]}"
}

list_missing() { # list_missing WORD: what is missing or left, and how to mend it
  printf '\n%s:\n%s' "$1" "$MISSING"
}
