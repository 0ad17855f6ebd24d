/** A change of what a session shows, as its chat room tells it. */
export interface SharingMessage {
  readonly event: "start_sharing" | "navigate_sharing" | "end_sharing";
  readonly revision: number;
  readonly media: { readonly id: string; readonly title: string | null; readonly pageCount: number | null } | null;
  readonly page: number | null;
}
