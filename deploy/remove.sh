#!/usr/bin/env bash
# Remove Greenroom from a Google Cloud project: what `provision.sh` and `firebase deploy` have created for it.
#
# Usage: deploy/remove.sh --project ID [option…]
#
#   --project ID          the project
#   --region REGION       where the functions run (default: us-central1)
#   --database ID         the database (default: "(default)"); needed if there are no functions any more
#   --prefix PREFIX       "prefix" in firebase.json, if the functions have one
#   --codebase NAME       "codebase" in firebase.json (default: greenroom)
#   --account ACCOUNT     the account of gcloud and of firebase to use
#   --keep-content        begin even if there is content at a provider; it stays there
#   --keep-database       do not delete the database
#   --yes                 ask nothing, except before it deletes the database "(default)"
#   --dry-run             print the commands, and change nothing; it reads what there is
#
# It first prints the commands that it would run, and then asks you to type the project's id. It asks once more about
# the secrets, and about the database. It deletes a database only if the project says that it is Greenroom's, and
# "(default)" only if you name it with --database and type its id, whatever the other options. Run it again if it was
# interrupted: it removes what is left. A step that is refused does not stop those that do not need it. Exit status: 0
# everything is removed, or kept because you said so; 1 something is left, and the last lines say how to remove it, or
# nothing was begun; 2 the options are wrong.
# docs/operating.md says what to do before, and what stays.

SELF=("$0" "$@")
# shellcheck source=deploy/steps.sh source-path=SCRIPTDIR/..
. "$(dirname "$0")/steps.sh"

CODEBASE=greenroom KEEP_CONTENT='' KEEP_DATABASE='' YES=''

# All that Greenroom may have, in whichever settings. A test compares these lists with the code.
WORKERS="broadcastSlides checkHost pollReadiness publishEvent reconcileAdmission reconcileArchive reconcileCopy
  reconcileDeletion reconcileErasure reconcileSession reconcileSlides reconcileTimeline reconcileTransfer reconcileVideo"
SCHEDULES="findOrphans sweep"
SECRETS="ARCHIVE_S3_SECRET_KEY CLOUDFLARE_API_TOKEN CLOUDFLARE_SIGNING_KEY HOSTS KALTURA_ADMIN_SECRET KALTURA_CHAT_TOKEN
  SLIDES_TOKEN_SECRET XMPP_JWT_SECRET XMPP_PASSWORD"
COLLECTIONS="admissions archive callBudgets copies enrolments erasures hosts kalturaCache kalturaSession kalturaUsers
  operations pendingDeletions removals reports sessions slides timelines transfers uploaders videos"

# --- options ---------------------------------------------------------------------------------------------------------

own_switch() {
  case $1 in
    --keep-content) KEEP_CONTENT=1 ;;
    --keep-database) KEEP_DATABASE='as you said' ;;
    --yes) YES=1 ;;
    *) return 1 ;;
  esac
}

own_option() { # own_option OPTION VALUE
  case $1 in
    --codebase)
      check_option "$1" "$2" '[a-z0-9_-]{1,63}' "up to 63 small letters, digits, hyphens or underscores"
      # It is the codebase of functions that name none: those of the app.
      [ "$2" != default ] || refuse_option "--codebase must be Greenroom's own, not 'default'."
      CODEBASE=$2 ;;
    *) return 1 ;;
  esac
}

read_options '--codebase' "$@"

FIREBASE=("--project=$PROJECT" --non-interactive)
[ -z "$ACCOUNT" ] || FIREBASE+=("--account=$ACCOUNT")
DOCUMENTS=https://firestore.googleapis.com/v1/projects/$PROJECT/databases/$DATABASE/documents
# Nothing is there of an API that is not enabled.
ABSENT='SERVICE_DISABLED|has not been used in project'

# --- what there is ---------------------------------------------------------------------------------------------------

list() { # list COMMAND…: leave in $OUT what it prints; nothing if there is nothing to list
  ask "$@"
  case $? in
    0) ;;
    1) : >"$OUT" ;;
    *) return 1 ;;
  esac
}

lines() { # the lines of $OUT, without a last carriage return or space
  sed -e 's/[[:space:]]*$//' -e '/^$/d' "$OUT"
}

has_word() { # has_word WORD LIST
  local word
  for word in $2; do
    [ "$word" != "$1" ] || return 0
  done
  return 1
}

nothing_there() {
  RESULT='nothing there'
}

removes() { # something is there, and goes
  RESULT='done'
  [ -z "$DRY_RUN" ] || RESULT=''
}

keep() { # keep WHAT: something is there, and stays
  KEPT="$KEPT  $1"$'\n'
  echo "      kept: $1"
  [ "$RESULT" = 'done' ] || RESULT=''
}

find_functions() { # leave the names of ours in $OURS, those of others in $OTHERS, and check the options with them
  local name codebase account account_v1 database resource region id elsewhere='' unlike='' followed=''
  # $SHARERS have the account of ours, and $FOLLOWERS triggers in the database.
  OURS='' OTHERS='' SHARERS='' FOLLOWERS='' PROVEN=''
  # The last two: the database of a trigger, in the second generation and in the first.
  list gcloud functions list "${COMMON[@]}" \
    --format='csv[no-heading](name,labels.firebase-functions-codebase,serviceConfig.serviceAccountEmail,serviceAccountEmail,eventTrigger.eventFilters.filter("attribute=database").extract(value).flatten(),eventTrigger.resource)' ||
    return 1
  while IFS=, read -r name codebase account account_v1 database resource; do
    id=${name##*/} region=${name#*/locations/}
    region=${region%%/*}
    if [ "$codebase" != "$CODEBASE" ]; then
      OTHERS="$OTHERS $id"
      [ "$account$account_v1" != "$RUNTIME" ] || SHARERS="$SHARERS $id"
      if [ "$database" = "$DATABASE" ] || [[ $resource == */databases/"$DATABASE"/* ]]; then
        FOLLOWERS="$FOLLOWERS $id"
      fi
    elif [ "$region" != "$REGION" ]; then
      elsewhere=$region
    elif [[ ! $id =~ ^${PREFIX}[A-Za-z]+$ ]]; then
      unlike=$id
    else
      OURS="$OURS $id"
      [ -z "$database" ] || followed="$followed $database"
    fi
  done <<END
$(lines)
END
  if [ -n "$elsewhere" ]; then
    WHY="Functions of the codebase $CODEBASE are in $elsewhere. Take --region $elsewhere."
    return 1
  fi
  if [ -n "$unlike" ]; then
    WHY="A function of the codebase $CODEBASE is called $unlike. Take the --prefix that firebase.json has."
    return 1
  fi
  check_database "$followed" || return 1
  # shellcheck disable=SC2086 # a list of words
  set -- $OURS
  RESULT="$# functions"
}

check_database() { # check_database FOLLOWED: whether it is Greenroom's; leave in $PROVEN whether the project says so
  local database role title allowed='' everywhere=''
  for database in $1; do
    if [ "$database" != "$DATABASE" ]; then
      WHY="The triggers of the codebase $CODEBASE follow the database $database. Take --database $database."
      return 1
    fi
    PROVEN=1
  done
  [ -z "$PROVEN" ] || return 0
  # No trigger is left to ask. Beside an app, `provision.sh` has let the account into one database only.
  list gcloud projects get-iam-policy "$PROJECT" '--flatten=bindings[].members' \
    "--filter=bindings.members=serviceAccount:$RUNTIME" \
    --format='csv[no-heading](bindings.role,bindings.condition.title)' "${COMMON[@]}" || return 1
  while IFS=, read -r role title; do
    case $role,$title in
      roles/datastore.user,) everywhere=1 ;;
      roles/datastore.user,greenroom-*) allowed="$allowed ${title#greenroom-}" ;;
    esac
  done <<END
$(lines)
END
  if has_word "$DATABASE" "$allowed"; then
    PROVEN=1
    return 0
  fi
  if [ -n "$allowed" ] && [ -z "$everywhere" ]; then
    WHY="The functions' account may use other databases:$allowed. Take --database ${allowed##* }."
    return 1
  fi
  if [ -z "$DATABASE_GIVEN" ]; then
    WHY="No trigger of the codebase $CODEBASE is left that says which database is Greenroom's. Name the database of the deployment: --database ID."
    return 1
  fi
}

count() { # count WHAT COLLECTION [FILTER]: add to $LEFT how many documents it has, at most 1000
  local where='' found
  [ -z "${3-}" ] || where=", \"where\": {\"fieldFilter\": $3}"
  printf '{"structuredAggregationQuery": {"aggregations": [{"alias": "n", "count": {"upTo": "1000"}}], %s}}' \
    "\"structuredQuery\": {\"from\": [{\"collectionId\": \"$2\"}]$where}" >"$WORK/query"
  list "${REST[@]}" --request POST --data-binary "@$WORK/query" "$DOCUMENTS:runAggregationQuery" || return 1
  found=$(sed -n 's/^.*"integerValue": "\([0-9]*\)".*$/\1/p' "$OUT")
  [ "${found:-0}" = 0 ] || LEFT="$LEFT, $found $1"
}

check_content() {
  local alive='{"field": {"fieldPath": "gone"}, "op": "EQUAL", "value": {"booleanValue": false}}' state events=''
  if [ -n "$KEEP_CONTENT" ]; then
    RESULT='it stays, as you said'
    return
  fi
  for state in creating ready retiring deleting; do events="$events${events:+, }{\"stringValue\": \"$state\"}"; done
  LEFT=''
  sign_in || return 1
  count videos videos "$alive" || return 1
  count 'live events' kalturaSession "{\"field\": {\"fieldPath\": \"state\"}, \"op\": \"IN\", \"value\": {\"arrayValue\": {\"values\": [$events]}}}" ||
    return 1
  count copies copies || return 1
  count 'archived originals' archive "$alive" || return 1
  count 'pending deletions' pendingDeletions || return 1
  if [ -n "$LEFT" ]; then
    WHY="There is content at a provider: ${LEFT#, }. Erase it first, as docs/operating.md says, or leave it there with --keep-content."
    return 1
  fi
  RESULT='there is none'
}

# --- removing --------------------------------------------------------------------------------------------------------

remove_functions() {
  local name selected=()
  # With its codebase, a name can be mistaken for nothing else: alone, `greenroom` would be all of a codebase, or if it
  # had no functions any more, all functions whose names begin so.
  for name in $OURS; do selected+=("$CODEBASE:$name"); done
  if [ ${#selected[@]} -eq 0 ]; then nothing_there && return; fi
  change firebase functions:delete "${selected[@]}" "--region=$REGION" --force "${FIREBASE[@]}"
}

remove_schedules() {
  local name found status=0
  list gcloud scheduler jobs list "--location=$REGION" --format='value(name.basename())' "${COMMON[@]}" || return 1
  found=$(lines)
  nothing_there
  for name in $SCHEDULES; do
    name=$PREFIX$name
    has_word "firebase-schedule-$name-$REGION" "$found" || continue
    # A function of somebody else has the name: so the schedule is theirs.
    ! has_word "$name" "$OTHERS" || continue
    removes
    change gcloud scheduler jobs delete "firebase-schedule-$name-$REGION" "--location=$REGION" "${COMMON[@]}" || status=1
  done
  return $status
}

remove_queues() {
  local name found status=0
  list gcloud tasks queues list "--location=$REGION" --format='value(name.basename())' "${COMMON[@]}" || return 1
  found=$(lines)
  nothing_there
  for name in $WORKERS; do
    name=$PREFIX$name
    has_word "$name" "$found" || continue
    ! has_word "$name" "$OTHERS" || continue
    removes
    change gcloud tasks queues delete "$name" "--location=$REGION" "${COMMON[@]}" || status=1
  done
  return $status
}

remove_secrets() {
  local name found status=0
  FOUND_SECRETS=''
  if [ -n "$SHARERS" ]; then
    keep "the secrets, because other functions have Greenroom's account:$SHARERS"
    RESULT=''
    return
  fi
  list gcloud secrets list --format='value(name.basename())' "${COMMON[@]}" || return 1
  found=$(lines)
  nothing_there
  for name in $SECRETS; do
    has_word "$name" "$found" || continue
    remove_secret "$name" || status=1
  done
  return $status
}

remove_secret() { # remove_secret NAME
  local role member mine=''
  list gcloud secrets get-iam-policy "$1" '--flatten=bindings[].members' \
    --format='csv[no-heading](bindings.role,bindings.members)' "${COMMON[@]}" || return 1
  while IFS=, read -r role member; do
    case $member in
      '' | deleted:*) ;;
      "serviceAccount:$RUNTIME") mine=$role ;;
      *)
        keep "the secret $1, because $member may read it too"
        [ -n "$mine" ] || mine=$(lines | sed -n "s/,serviceAccount:$RUNTIME\$//p" | head -n 1)
        [ -n "$mine" ] || return 0
        removes
        change gcloud secrets remove-iam-policy-binding "$1" "--member=serviceAccount:$RUNTIME" "--role=$mine" --all \
          --format=none "${COMMON[@]}"
        return ;;
    esac
  done <<END
$(lines)
END
  FOUND_SECRETS="$FOUND_SECRETS $1"
  if [ -n "$KEEP_SECRETS" ]; then
    keep "the secret $1, as you said"
    return
  fi
  removes
  change gcloud secrets delete "$1" "${COMMON[@]}"
}

remove_policies() {
  local file status=0
  sign_in || return 1
  nothing_there
  for file in "$HERE"/monitoring/policies/*.json; do
    find_policy "Greenroom $PREFIX$(basename "$file" .json)"
    [ $? -ne 2 ] || { status=1 && continue; }
    [ -n "$POLICY" ] || continue
    removes
    change "${REST[@]}" --request DELETE "$API/$POLICY" || status=1
    MEND=''
  done
  return $status
}

remove_metrics() {
  local file name status=0
  nothing_there
  for file in "$HERE"/monitoring/metrics/*.json; do
    name=greenroom-$PREFIX$(basename "$file" .json)
    ask gcloud logging metrics describe "$name" --format='value(name)' "${COMMON[@]}"
    case $? in
      0)
        removes
        change gcloud logging metrics delete "$name" "${COMMON[@]}" || status=1 ;;
      1) ;;
      *) status=1 ;;
    esac
  done
  return $status
}

remove_dashboard() {
  local name status=0
  find_dashboard
  [ $? -ne 2 ] || return 1
  nothing_there
  for name in $(lines); do
    removes
    change gcloud monitoring dashboards delete "$name" "${COMMON[@]}" || status=1
  done
  return $status
}

remove_roles() {
  local role status=0
  if [ -n "$SHARERS" ]; then
    keep "the account and its roles, because other functions have it:$SHARERS"
    RESULT=''
    return
  fi
  list gcloud projects get-iam-policy "$PROJECT" '--flatten=bindings[].members' \
    "--filter=bindings.members=serviceAccount:$RUNTIME" --format='value(bindings.role)' "${COMMON[@]}" || return 1
  nothing_there
  for role in $(lines | sort -u); do
    removes
    change gcloud projects remove-iam-policy-binding "$PROJECT" "--member=serviceAccount:$RUNTIME" "--role=$role" --all \
      --format=none "${COMMON[@]}" || status=1
  done
  return $status
}

remove_account() {
  if [ -n "$SHARERS" ]; then
    RESULT='kept, as above'
    return
  fi
  ask gcloud iam service-accounts describe "$RUNTIME" --format='value(email)' "${COMMON[@]}"
  case $? in
    0) change gcloud iam service-accounts delete "$RUNTIME" "${COMMON[@]}" ;;
    1) nothing_there ;;
    *) return 1 ;;
  esac
}

keep_database() { # keep_database REASON
  keep "the database $DATABASE, $1"
  RESULT=''
}

remove_database() {
  local protection name names foreign=''
  FOUND_DATABASE=''
  ask gcloud firestore databases describe "--database=$DATABASE" --format='value(deleteProtectionState)' "${COMMON[@]}"
  case $? in
    0) protection=$(lines) ;;
    1) nothing_there; return ;;
    *) return 1 ;;
  esac
  if [ -n "$KEEP_DATABASE" ]; then keep_database "$KEEP_DATABASE" && return; fi
  if [ -n "$FOLLOWERS" ]; then keep_database "because other functions follow it:$FOLLOWERS" && return; fi
  # An app has this one in most projects: nothing but its name in two places deletes it.
  if [ "$DATABASE" = '(default)' ] && [ -z "$DATABASE_GIVEN" ]; then
    keep_database "because you did not name it with --database" && return
  fi
  sign_in || return 1
  echo '{"pageSize": 300}' >"$WORK/query"
  list "${REST[@]}" --request POST --data-binary "@$WORK/query" "$DOCUMENTS:listCollectionIds" || return 1
  # Every collection is a line of its own: the names between brackets, without the two fields of the answer.
  names=$(tr -d ' \n' <"$OUT" | sed -n 's/^.*"collectionIds":\[\([^]]*\)\].*$/\1/p' | tr ',' '\n' | tr -d '"')
  for name in $names; do
    has_word "$name" "$COLLECTIONS" || foreign="$foreign $name"
  done
  if [ -n "$foreign" ]; then keep_database "because it has other collections too:$foreign" && return; fi
  # Every sweep writes into this collection. The others have names that an app may use.
  if [ -z "$PROVEN" ] && ! has_word operations "$names"; then
    keep_database "because nothing proves that it is Greenroom's" && return
  fi
  FOUND_DATABASE=1
  if [ "$protection" != DELETE_PROTECTION_DISABLED ]; then
    change gcloud firestore databases update "--database=$DATABASE" --no-delete-protection "${COMMON[@]}" || return 1
  fi
  change gcloud firestore databases delete "--database=$DATABASE" "${COMMON[@]}"
}


# --- the steps, in their order ---------------------------------------------------------------------------------------

STEPS=13

check_first() { # the steps that only read; without them nothing is begun
  STEP=0 REFUSED='' MISSING='' KEPT=''
  step project '' "Find the project" find_project
  step find project "Find the functions and their database" find_functions
  step content find "Look for content at a provider" check_content
  [ -z "$REFUSED" ]
}

remove() {
  step functions '' "Delete the functions" remove_functions
  step schedules functions "Delete the schedules that are left" remove_schedules
  step queues functions "Delete the queues" remove_queues
  step secrets functions "Delete the secrets" remove_secrets
  step policies functions "Delete the alert policies" remove_policies
  step metrics policies "Delete the log metrics" remove_metrics
  step dashboard functions "Delete the dashboard" remove_dashboard
  step roles functions "Remove the roles of the functions' account" remove_roles
  step account roles "Delete the account of the functions" remove_account
  # Last: only its documents name what Greenroom has made.
  step database functions "Delete the database" remove_database
}

stop() { # stop SENTENCE
  [ -z "$MISSING" ] || list_missing 'In the way'
  printf '\n%s\n' "$1"
  exit 1
}

answer() { # answer QUESTION: leave what is typed in $ANSWER; nothing at the end of the input
  ANSWER=''
  printf '%s ' "$1"
  read -r ANSWER || echo
}

ASKED_FOR_DRY_RUN=$DRY_RUN DRY_RUN=1 KEEP_SECRETS='' FOUND_SECRETS='' FOUND_DATABASE=''
check_first || stop "Nothing was removed."
remove
if [ -n "$ASKED_FOR_DRY_RUN" ]; then
  [ -z "$MISSING" ] || list_missing Refused
  printf '\nNothing was removed.\n'
  [ -z "$MISSING" ]
  exit
fi

if [ -z "$YES" ]; then
  printf '\nThese commands would be run. Nothing brings back what they delete.\n'
  answer "Type the id of the project to remove Greenroom from it:"
  [ "$ANSWER" = "$PROJECT" ] || { MISSING='' && stop "That is not $PROJECT. Nothing was removed."; }
  if [ -n "$FOUND_SECRETS" ]; then
    answer "Delete the secrets$FOUND_SECRETS? No other account may read them. Type yes to delete them:"
    [ "$ANSWER" = yes ] || KEEP_SECRETS=1
  fi
fi
if [ -n "$FOUND_DATABASE" ] && { [ -z "$YES" ] || [ "$DATABASE" = '(default)' ]; }; then
  answer "Delete the database $DATABASE with all its documents? Type its id to delete it:"
  [ "$ANSWER" = "$DATABASE" ] || KEEP_DATABASE='because its id was not typed'
fi
[ -n "$YES" ] || echo

DRY_RUN=''
check_first || stop "Nothing was removed."
remove

if [ -n "$KEPT" ]; then printf '\nKept:\n%s' "$KEPT"; fi
if [ -n "$MISSING" ]; then
  list_missing Left
  exit 1
fi
cat <<END

Greenroom is removed. APIs, backups, buckets and some roles stay: docs/operating.md, "Remove Greenroom".
The names of the queues cannot be used again for three days: a new deployment in $REGION has to wait, or take a prefix.
END
