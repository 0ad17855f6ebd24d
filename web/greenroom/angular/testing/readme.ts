import { type ApplicationConfig, Component, inject, input, signal } from "@angular/core";
import { type FirebaseApp } from "firebase/app";
import { getAuth, onAuthStateChanged } from "firebase/auth";
import {
  GREENROOM_TEXTS,
  injectErrorText,
  injectSession,
  injectUploads,
  Player,
  provideGreenroom,
  UploadList,
} from "greenroom/angular";
import { ENGLISH, type RefusedFile, videosInOrder } from "greenroom/core";

export function appConfig(app: FirebaseApp): ApplicationConfig {
  const uid = signal<string | undefined>(undefined); // each user has their own uploads
  onAuthStateChanged(getAuth(app), (user) => uid.set(user?.uid));
  return { providers: [provideGreenroom({ app, uid, texts: ENGLISH })] };
}

@Component({
  selector: "app-lesson",
  imports: [Player, UploadList],
  template: `
    <input #picker type="file" multiple (change)="add(picker)" />
    @for (file of refused(); track $index) {
      <p role="alert">{{ texts().uploads.refused(file.fileName, file.error) }}</p>
    }
    <gr-upload-list [sessionId]="sessionId()" />
    @if (session.error(); as error) {
      <p role="alert">{{ errorText(error) }} <button (click)="session.reload()">Look again</button></p>
    }
    @for (video of videosInOrder(session.value()); track video.id) {
      <button (click)="videoId.set(video.id)">{{ video.title }}</button>
      {{ texts().videos.progress(video.state, video.stage, video.percent) }}
    }
    @if (videoId(); as videoId) {
      <gr-player [target]="{ videoId, sessionId: sessionId() }" />
    }
  `,
})
export class Lesson {
  readonly sessionId = input.required<string>();
  protected readonly session = injectSession(this.sessionId);
  protected readonly texts = inject(GREENROOM_TEXTS);
  protected readonly errorText = injectErrorText();
  protected readonly videosInOrder = videosInOrder;
  protected readonly videoId = signal<string | undefined>(undefined);
  protected readonly refused = signal<readonly RefusedFile[]>([]);
  readonly #uploads = injectUploads();

  protected async add(picker: HTMLInputElement): Promise<void> {
    const added = await this.#uploads()?.add([...(picker.files ?? [])], { sessionId: this.sessionId() });
    this.refused.set(added?.refused ?? []);
    picker.value = ""; // so that the same file can be chosen again
  }
}
