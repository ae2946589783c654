// Everything works without this. It makes lists follow what is typed, pages of lists turn in place, ids copyable, and
// shows where one is.

// "/" goes to the search, as long as nothing is being written.
addEventListener("keydown", event => {
	if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select")) return;
	event.preventDefault();
	const field = document.getElementById("q");
	field.focus();
	field.select();
});

// turn fetches a page of the same list and puts its results in the place of these. A newer turn overtakes an older.
let turning;
async function turn(url, focus) {
	turning?.abort();
	turning = new AbortController();
	try {
		const answer = await fetch(url, { signal: turning.signal, headers: { Accept: "text/html" } });
		const page = new DOMParser().parseFromString(await answer.text(), "text/html");
		const fresh = page.getElementById("results");
		if (!answer.ok || answer.redirected || !fresh) return location.assign(url);
		document.getElementById("results").replaceWith(fresh);
		document.querySelector(".exports")?.remove();
		const exports = page.querySelector(".exports");
		if (exports) fresh.after(exports);
		if (focus) fresh.querySelector(".scroll")?.focus();
	} catch (error) {
		if (error.name !== "AbortError") location.assign(url);
	}
}

// Lists follow what is typed. The address goes along, so that a reload and a bookmark show the same.
for (const form of document.querySelectorAll("form[data-live]")) {
	let wait;
	form.addEventListener("input", () => {
		clearTimeout(wait);
		wait = setTimeout(() => {
			const url = new URL(form.action);
			for (const [name, value] of new FormData(form)) if (value) url.searchParams.set(name, value);
			history.replaceState(null, "", url);
			turn(url, false);
		}, 200);
	});
}

addEventListener("click", event => {
	const link = event.target.closest(".pages a");
	if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
	event.preventDefault();
	history.pushState(null, "", link.href);
	turn(link.href, true);
});

// The back button leads through the pages that were turned to.
addEventListener("popstate", () => document.getElementById("results") ? turn(location.href, false) : location.reload());

// On a phone the sections are a line that scrolls: to the one that this is.
document.querySelector(".sections [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

// Ids can be copied.
for (const id of document.querySelectorAll("[data-copy]")) {
	if (!navigator.clipboard) break;
	const button = document.createElement("button");
	button.type = "button";
	button.className = "copy";
	button.textContent = id.dataset.copy;
	button.addEventListener("click", async () => {
		await navigator.clipboard.writeText(id.textContent);
		button.textContent = id.dataset.copied;
	});
	id.after(button);
}
