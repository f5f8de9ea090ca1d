/** The SDK's fetch, which @moddable/typings does not know; mcconfig takes the SDK's own declaration. */
declare module "fetch" {
  interface Response {
    readonly status: number;
  }
  interface RequestInit {
    method?: string;
    headers?: Record<string, string>;
    body?: string;
  }
  function fetch(resource: string, options?: RequestInit): Promise<Response>;

  export { fetch };
}
