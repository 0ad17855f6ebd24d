import {
  ChangeDetectionStrategy,
  Component,
  computed,
  type ElementRef,
  inject,
  input,
  signal,
  viewChild,
} from "@angular/core";
import { Router } from "@angular/router";

import { APP_CONFIG, type DemoUser } from "../config";
import { Action } from "../ui/action";
import { Brand } from "../ui/brand";
import { Icon } from "../ui/icon";
import { LanguageButton } from "../ui/language-button";
import { Notice } from "../ui/notice";
import { showTitle } from "../ui/page-titles";
import { Language } from "../words/language";
import { Account } from "./account";

/** The texts for codes of Firebase Authentication. */
const REASONS: Readonly<Record<string, "wrong" | "disabled" | "tooMany" | "offline">> = {
  "auth/invalid-credential": "wrong",
  "auth/invalid-email": "wrong",
  "auth/user-not-found": "wrong",
  "auth/wrong-password": "wrong",
  "auth/user-disabled": "disabled",
  "auth/too-many-requests": "tooMany",
  "auth/network-request-failed": "offline",
};

/** Return the page to open after sign-in; the start page if the URL leads out of this app, or here again. */
function pageOf(from: string | undefined): string {
  return from !== undefined && /^\/(?!\/|\\|sign-in)/.test(from) ? from : "/";
}

@Component({
  selector: "app-sign-in-page",
  imports: [Brand, Icon, LanguageButton, Notice],
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: "./sign-in.page.html",
})
export class SignInPage {
  /** The page to open after sign-in, from the query. */
  readonly from = input<string>();

  protected readonly words = inject(Language).words;
  protected readonly demoUsers = inject(APP_CONFIG).testBed?.users ?? [];
  protected readonly email = signal("");
  protected readonly password = signal("");
  protected readonly isChecked = signal(false);
  protected readonly signIn = new Action(() => this.#account.signIn(this.email().trim(), this.password()));
  readonly #account = inject(Account);
  readonly #router = inject(Router);
  private readonly emailInput = viewChild.required<ElementRef<HTMLInputElement>>("emailInput");
  private readonly passwordInput = viewChild.required<ElementRef<HTMLInputElement>>("passwordInput");

  protected readonly emailProblem = computed(() =>
    this.isChecked() && this.email().trim() === "" ? this.words().signIn.emailMissing : undefined,
  );
  protected readonly passwordProblem = computed(() =>
    this.isChecked() && this.password() === "" ? this.words().signIn.passwordMissing : undefined,
  );
  protected readonly problem = computed(() => {
    const error = this.signIn.error() as { code?: string } | undefined;
    return error === undefined ? undefined : this.words().signIn[REASONS[error.code ?? ""] ?? "failed"];
  });

  constructor() {
    showTitle(() => this.words().signIn.title);
  }

  /** Return the role of a demo user, in the language of the app if it is a known one. */
  protected roleOf(user: DemoUser): string {
    const names: Readonly<Record<string, string>> = this.words().signIn.roles;
    return names[user.role] ?? user.role;
  }

  protected use(user: DemoUser): void {
    this.email.set(user.email);
    this.password.set(user.password);
    void this.submit();
  }

  protected async submit(): Promise<void> {
    this.isChecked.set(true);
    if (this.emailProblem() !== undefined) return this.emailInput().nativeElement.focus();
    if (this.passwordProblem() !== undefined) return this.passwordInput().nativeElement.focus();
    if (await this.signIn.run()) await this.#router.navigateByUrl(pageOf(this.from()));
    else this.passwordInput().nativeElement.focus();
  }
}
