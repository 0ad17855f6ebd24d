#!/usr/bin/env bash
# Prepare a Google Cloud project for Greenroom: what `firebase deploy` needs and does not create.
#
# Usage: deploy/provision.sh --project ID --location LOCATION [option…]
#
#   --project ID          the project
#   --location LOCATION   where Firestore keeps the documents: eur3, nam5, or a region; it can never be changed
#   --region REGION       where the functions run (default: us-central1); FUNCTIONS_REGION in .env.<project id>
#   --database ID         the database (default: "(default)"); for another one, the functions may use no other
#   --prefix PREFIX       "prefix" in firebase.json, if the functions have one; names start with it and a hyphen
#   --deployer WHO        who deploys: user:…, serviceAccount:…, group:… or principalSet://…
#   --alert-channel NAME  whom alerts notify: projects/ID/notificationChannels/NUMBER; may be given several times
#   --account ACCOUNT     the account of gcloud to use
#   --dry-run             print the commands, and contact nobody; the files that they send are kept
#
# Run it as often as you like: it creates what is missing, and leaves the rest. A step that is refused does not stop the
# others. Exit status: 0 everything is there; 1 something is missing, and the last lines say how to mend it; 2 the
# options are wrong. deploy/README.md explains each step.

# Two things are not here, because they have their source elsewhere: TTL policies and indexes are in
# firestore.indexes.json, and the limits of the queues are declared with the functions. `firebase deploy` creates both.

SELF=("$0" "$@")
# shellcheck source=deploy/steps.sh source-path=SCRIPTDIR/..
. "$(dirname "$0")/steps.sh"

LOCATION='' DEPLOYER='' CHANNELS=''

APIS="artifactregistry cloudbuild cloudfunctions cloudresourcemanager cloudscheduler cloudtasks eventarc firebaserules
  firestore iam identitytoolkit logging monitoring pubsub run secretmanager storage"
# Firebase Authentication is in here: a task asks whether its account still is what its token says.
RUNTIME_ROLES="cloudtasks.enqueuer eventarc.eventReceiver run.invoker firebaseauth.viewer"
# firebase-tools grants the first two with a deployment's first trigger, if the deployer may. The third builds functions.
COMPUTE_ROLES="run.invoker eventarc.eventReceiver cloudbuild.builds.builder"
DEPLOYER_ROLES="artifactregistry.admin cloudfunctions.admin cloudscheduler.admin cloudtasks.admin datastore.indexAdmin
  firebase.viewer firebaserules.admin iam.securityReviewer run.admin secretmanager.admin
  serviceusage.serviceUsageConsumer"
BACKUP_RETENTION=14d

# --- options ---------------------------------------------------------------------------------------------------------

own_switch() {
  return 1
}

own_option() { # own_option OPTION VALUE
  case $1 in
    --location)
      check_option "$1" "$2" '[a-z][a-z0-9-]*[0-9]' "a location of Firestore, such as eur3 or europe-west1"
      LOCATION=$2 ;;
    --deployer)
      check_option "$1" "$2" '(user|serviceAccount|group):[^[:space:]:]+@[^[:space:]:]+|principal(Set)?://[^[:space:]]+' \
        "user:ADDRESS, serviceAccount:ADDRESS, group:ADDRESS or principalSet://…"
      DEPLOYER=$2 ;;
    --alert-channel)
      check_option "$1" "$2" 'projects/[a-z0-9:.-]+/notificationChannels/[0-9]+' \
        "projects/ID/notificationChannels/NUMBER, as \`gcloud beta monitoring channels list\` shows it"
      CHANNELS=$CHANNELS${CHANNELS:+, }\"$2\" ;;
    *) return 1 ;;
  esac
}

read_options '--location --deployer --alert-channel' "$@"
# firebase functions:delete could not tell the two apart.
[ "$PREFIX" != greenroom- ] || refuse_option "--prefix must not be 'greenroom', which is the codebase in firebase.json."
[ -n "$LOCATION" ] || refuse_option "--location is missing. Take a location near your users: it can never be changed."

OFFLINE=$DRY_RUN
# The files that a dry run would send are kept.
[ -z "$DRY_RUN" ] || trap - EXIT
# An API, an account and a metric are known everywhere only some time after they were created.
NOT_YET="$NOT_YET|SERVICE_DISABLED|has not been used in project|[Ss]ervice account [^ ]+ does not exist"
NOT_YET="$NOT_YET|Cannot find metric"

# --- steps -----------------------------------------------------------------------------------------------------------

enable_apis() {
  local api names=()
  for api in $APIS; do names+=("$api.googleapis.com"); done
  change gcloud services enable "${names[@]}" "${COMMON[@]}"
}

check_region() {
  local service without=''
  for service in 'functions regions list --gen2' 'tasks locations list' 'scheduler locations list'; do
    # shellcheck disable=SC2086 # the words of a command
    ask gcloud $service --format='value(name)' "${COMMON[@]}"
    case $? in
      0) grep -Eq "(^|/)$REGION\$" "$OUT" || without="$without, ${service%% *}" ;;
      1) [ -n "$DRY_RUN" ] || return 1 ;;
      *) return 1 ;;
    esac
  done
  if [ -n "$without" ]; then
    WHY="$REGION does not have: ${without#, }. Take another --region, and the same as FUNCTIONS_REGION."
    return 1
  fi
  RESULT="$REGION has all of them"
}

create_agents() {
  local service status=0
  for service in pubsub eventarc; do
    change gcloud beta services identity create "--service=$service.googleapis.com" "${COMMON[@]}" || status=1
  done
  return $status
}

create_account() {
  ask gcloud iam service-accounts describe "$RUNTIME" --format='value(email)' "${COMMON[@]}"
  case $? in
    0) there_already ;;
    1) change gcloud iam service-accounts create greenroom --display-name=Greenroom "${COMMON[@]}" ;;
    *) return 1 ;;
  esac
}

grant() { # grant MEMBER CONDITION ROLE…: in the project
  local member=$1 condition=$2 role status=0
  shift 2
  for role in "$@"; do
    change gcloud projects add-iam-policy-binding "$PROJECT" "--member=$member" "--role=roles/$role" \
      "--condition=$condition" --format=none "${COMMON[@]}" || status=1
  done
  return $status
}

let_act_as() { # let_act_as ACCOUNT MEMBER
  change gcloud iam service-accounts add-iam-policy-binding "$1" "--member=$2" --role=roles/iam.serviceAccountUser \
    --format=none "${COMMON[@]}"
}

grant_runtime() {
  local condition=None status=0
  if [ "$DATABASE" != '(default)' ]; then
    # With a database of its own Greenroom cannot read that of the app.
    condition="expression=resource.name==\"projects/$PROJECT/databases/$DATABASE\",title=greenroom-$DATABASE"
  fi
  grant "serviceAccount:$RUNTIME" "$condition" datastore.user || status=1
  # shellcheck disable=SC2086 # a list of words
  grant "serviceAccount:$RUNTIME" None $RUNTIME_ROLES || status=1
  return $status
}

grant_compute() {
  # shellcheck disable=SC2086 # a list of words
  grant "serviceAccount:$NUMBER-compute@developer.gserviceaccount.com" None $COMPUTE_ROLES
}

grant_pubsub() {
  grant "serviceAccount:service-$NUMBER@gcp-sa-pubsub.iam.gserviceaccount.com" None iam.serviceAccountTokenCreator
}

grant_deployer() {
  # shellcheck disable=SC2086 # a list of words
  grant "$DEPLOYER" None $DEPLOYER_ROLES
}

let_deployer_act() {
  local status=0 app_engine=$PROJECT@appspot.gserviceaccount.com
  let_act_as "$RUNTIME" "$DEPLOYER" || status=1
  let_act_as "$NUMBER-compute@developer.gserviceaccount.com" "$DEPLOYER" || status=1
  # firebase-tools asks for this one too, in projects that have it.
  ask gcloud iam service-accounts describe "$app_engine" --format='value(email)' "${COMMON[@]}"
  case $? in
    0) let_act_as "$app_engine" "$DEPLOYER" || status=1 ;;
    1) ;;
    *) status=1 ;;
  esac
  return $status
}

create_database() {
  local location type protection recovery
  ask gcloud firestore databases describe "--database=$DATABASE" "${COMMON[@]}" \
    --format='csv[no-heading](locationId,type,deleteProtectionState,pointInTimeRecoveryEnablement)'
  case $? in
    0) ;;
    1)
      change gcloud firestore databases create "--database=$DATABASE" "--location=$LOCATION" --type=firestore-native \
        --delete-protection --enable-pitr "${COMMON[@]}"
      return ;;
    *) return 1 ;;
  esac
  IFS=, read -r location type protection recovery <"$OUT"
  if [ "$location" != "$LOCATION" ]; then
    WHY="The database $DATABASE is in $location, and a database cannot be moved. Run this script with --location $location, or with another --database."
    return 1
  fi
  if [ "$type" != FIRESTORE_NATIVE ]; then
    WHY="The database $DATABASE is in Datastore mode, which Greenroom cannot use. Run this script with another --database."
    return 1
  fi
  if [ "$protection" = DELETE_PROTECTION_ENABLED ] && [ "$recovery" = POINT_IN_TIME_RECOVERY_ENABLED ]; then
    there_already
    return
  fi
  change gcloud firestore databases update "--database=$DATABASE" --delete-protection --enable-pitr "${COMMON[@]}"
}

schedule_backups() {
  ask gcloud firestore backups schedules list "--database=$DATABASE" "${COMMON[@]}" \
    --format='csv[no-heading](name,weeklyRecurrence.day)'
  # A daily schedule has no day of the week. A database has at most one.
  case $? in
    0) if grep -q ',$' "$OUT"; then there_already && return; fi ;;
    1) ;;
    *) return 1 ;;
  esac
  change gcloud firestore backups schedules create "--database=$DATABASE" --recurrence=daily \
    "--retention=$BACKUP_RETENTION" "${COMMON[@]}"
}

render() { # render FILE: fill in the placeholders, and print the path of the result
  local result
  result=$WORK/$(basename "$1")
  sed -e "s|\${prefix}|$PREFIX|g" -e "s|\"\${channels}\"|$CHANNELS|" "$1" >"$result.draft"
  # A policy carries a sum of its text, so that a later run changes it only if the text has changed.
  sed "s|\${version}|v$(cksum <"$result.draft" | cut -d ' ' -f 1)|" "$result.draft" >"$result"
  printf '%s' "$result"
}

create_metrics() {
  local file name verb status=0
  for file in "$HERE"/monitoring/metrics/*.json; do
    name=greenroom-$PREFIX$(basename "$file" .json)
    ask gcloud logging metrics describe "$name" --format='value(name)' "${COMMON[@]}"
    case $? in
      0) verb=update ;;
      1) verb=create ;;
      *) status=1 && continue ;;
    esac
    change gcloud logging metrics $verb "$name" "--config-from-file=$(render "$file")" "${COMMON[@]}" || status=1
    MEND=''
  done
  return $status
}

create_policies() {
  local file name status=0
  # `gcloud monitoring policies` is alpha still; the REST API is not.
  sign_in || return 1
  for file in "$HERE"/monitoring/policies/*.json; do
    create_policy "$(render "$file")" "Greenroom $PREFIX$(basename "$file" .json)" || status=1
    MEND=''
  done
  return $status
}

create_policy() { # create_policy FILE DISPLAY-NAME
  local version fields=displayName,documentation,userLabels,severity,combiner,conditions,alertStrategy
  # Channels that an operator has added, and a policy that they have switched off, stay so.
  [ -z "$CHANNELS" ] || fields=$fields,notificationChannels
  version=$(sed -n 's/^    "greenroom": "\(.*\)"$/\1/p' "$1")
  find_policy "$2"
  [ $? -ne 2 ] || return 1
  if [ -z "$POLICY" ]; then
    change "${REST[@]}" --request POST --data-binary "@$1" "$API/projects/$PROJECT/alertPolicies"
  elif ! grep -q "\"greenroom\": \"$version\"" "$OUT"; then
    change "${REST[@]}" --request PATCH --data-binary "@$1" "$API/$POLICY?updateMask=$fields"
  fi
}

create_dashboard() {
  find_dashboard
  [ $? -ne 2 ] || return 1
  if [ -s "$OUT" ]; then
    # Operators arrange their dashboard. Deleting it brings ours back.
    there_already
    return
  fi
  change gcloud monitoring dashboards create "--config-from-file=$(render "$HERE/monitoring/dashboard.json")" \
    "${COMMON[@]}"
  local status=$?
  MEND=''
  return $status
}

clean_up_images() {
  ask gcloud artifacts repositories describe gcf-artifacts "--location=$REGION" --format='value(cleanupPolicies)' \
    "${COMMON[@]}"
  case $? in
    0) if [ -s "$OUT" ] && grep -q . "$OUT"; then there_already && return; fi ;;
    1)
      RESULT="not yet: the first deployment of functions creates the repository. Run this script again after it."
      [ -n "$DRY_RUN" ] || return 0 ;;
    *) return 1 ;;
  esac
  change gcloud artifacts repositories set-cleanup-policies gcf-artifacts "--location=$REGION" \
    "--policy=$HERE/artifacts-cleanup.json" --no-dry-run --format=none "${COMMON[@]}"
}

# --- the steps, in their order ---------------------------------------------------------------------------------------

STEPS=17

step project '' "Find the project" find_project
if [ -n "$REFUSED" ] && signed_out; then
  # Every other step would say the same.
  list_missing Missing
  exit 1
fi
step apis '' "Enable the APIs" enable_apis
step region '' "Check that $REGION has functions, tasks and schedules" check_region
step agents '' "Create the accounts of Pub/Sub and Eventarc" create_agents
step account '' "Create the account of the functions" create_account
step roles account "Grant the account of the functions its roles" grant_runtime
step itself account "Let the account of the functions act as itself" let_act_as "$RUNTIME" "serviceAccount:$RUNTIME"
step compute project "Grant the default compute account its roles" grant_compute
step pubsub 'project agents' "Grant the account of Pub/Sub its role" grant_pubsub
if [ -n "$DEPLOYER" ]; then
  step deployer '' "Grant the deployer their roles" grant_deployer
  step acting 'project account' "Let the deployer act as the accounts that a deployment touches" let_deployer_act
else
  # The numbers stay those of deploy/README.md.
  STEP=$((STEP + 2))
  echo "[10, 11] Left out: there is no --deployer"
fi
step database '' "Create the database" create_database
step backups database "Back up the database each day" schedule_backups
step metrics '' "Create the log metrics" create_metrics
step policies metrics "Create the alert policies" create_policies
step dashboard '' "Create the dashboard" create_dashboard
step images '' "Delete old images of the functions" clean_up_images

if [ -n "$MISSING" ]; then
  list_missing Missing
  exit 1
fi
if [ -n "$DRY_RUN" ]; then
  printf '\nNothing was done. The files that would be sent are in %s.\n' "$WORK"
  printf 'When everything is there, these lines go into .env.%s:\n' "$PROJECT"
else
  printf '\nEverything is there. Write this into .env.%s, then deploy:\n' "$PROJECT"
fi
cat <<END
SERVICE_ACCOUNT=$RUNTIME
FUNCTIONS_REGION=$REGION
FUNCTIONS_PREFIX=$PREFIX
FIRESTORE_DATABASE=$DATABASE
END
