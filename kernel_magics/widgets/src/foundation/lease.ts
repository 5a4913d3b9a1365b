/*
 * lease.ts - tells Python that somebody is looking.
 *
 * A closed tab or a cleared cell sends no goodbye, so a view renews a lease while it is
 * on the page; Python stops sending when the lease has run out.
 */

import type { AnyModel } from "@anywidget/types";

const RENEW_MS = 4000;

export function keepLease(model: AnyModel<any>, signal: AbortSignal): void {
	const renew = () => { if (!document.hidden) model.send({ kind: "lease" }); };
	const timer = setInterval(renew, RENEW_MS);
	const options = { signal };
	document.addEventListener("visibilitychange", renew, options);
	signal.addEventListener("abort", () => {
		clearInterval(timer);
		model.send({ kind: "leave" });
	});
	model.send({ kind: "lease" });
}
