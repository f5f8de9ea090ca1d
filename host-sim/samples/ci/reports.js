// An app, as it runs on its board too: a report every ten minutes, each with a token that is good.
export function startReports(auth, post) {
  const app = auth.host("app.example.com");
  const report = () =>
    app.getToken((_status, token) => {
      if (token !== null) post(Buffer.from(token.bytes.subarray(0, token.length)).toString());
    });
  report();
  setInterval(report, 600_000);
}
