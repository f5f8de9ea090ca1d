/** A person without a browser: follows redirects, keeps cookies, answers the forms of the pages. */
import assert from "node:assert/strict";

/** What a page showed last. */
export interface Page {
  url: URL;
  status: number;
  text: string;
}

/** The cookies of one browser, and its steps. */
export class Person {
  private cookies = new Map<string, string>();

  /** Opens an address; stops where a redirect leaves the identity, and tells that address. */
  async open(url: URL | string): Promise<Page> {
    return this.follow(new URL(url), { method: "GET" });
  }

  /** Answers the form of a page: what it hides is sent too. */
  async answer(page: Page, fields: Record<string, string>): Promise<Page> {
    const action = /<form[^>]* action="([^"]*)"/.exec(page.text)?.[1] ?? page.url.href;
    const hidden = [...page.text.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)"/g)];
    const body = new URLSearchParams([
      ...hidden.map(([, name = "", value = ""]): [string, string] => [name, value]),
      ...Object.entries(fields),
    ]);
    return this.follow(new URL(action, page.url), { method: "POST", body });
  }

  /** Signs in and allows; the address that it ends at. */
  async allow(page: Page, username: string, password: string, organization?: string): Promise<Page> {
    const signedIn = await this.answer(page, { username, password, answer: "yes" });
    assert.match(signedIn.text, /It asks to/, signedIn.text);
    return this.answer(signedIn, { answer: "yes", ...(organization !== undefined && { organization }) });
  }

  private async follow(start: URL, init: RequestInit): Promise<Page> {
    let url = start;
    let response = await this.fetch(url, init);
    for (let at = response.headers.get("location"); at !== null; at = response.headers.get("location")) {
      const next = new URL(at, url);
      if (next.origin !== start.origin) return { url: next, status: response.status, text: "" };
      url = next;
      response = await this.fetch(url, { method: "GET" });
    }
    return { url, status: response.status, text: await response.text() };
  }

  private async fetch(url: URL, init: RequestInit): Promise<Response> {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const headers = { cookie, accept: "text/html" };
    const response = await fetch(url, { ...init, headers, redirect: "manual" });
    for (const line of response.headers.getSetCookie()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (/expires=Thu, 01 Jan 1970/i.test(line)) this.cookies.delete(name);
      else this.cookies.set(name, value);
    }
    return response;
  }
}
