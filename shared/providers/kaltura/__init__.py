"""Kaltura behind the domain's ports.

`settings` declares what an operator sets, and `factory` builds the ports from it. The ports are filled by `events/`,
`media`, `originals`, `audience`, `playback`, `inventory`, `webhooks` and `setup`; each of their methods asks
`KalturaAccount.client` for one call, or for a multirequest of several (`client/`). Nothing is imported here, so that
reading the settings stays cheap.

- `account`: keys (`signing`), client and references of one account. It remembers users in `known_users`, and in
  `account_cache` the `account_objects`, which are created in it once.
- `mapping` translates Kaltura's terms, `refusals` tells its refusals apart, `paging` reads whole lists.
- `observations` reads the state of videos for `media`, `chat` signs chat tokens for `audience`, and `confinement`
  checks roles for `setup`.
- `listing` lists entries for `originals` (`selecting` has the filters), `entries` reads them with their files,
  `tagging` changes their tags, and `sending` sends a file.
"""
