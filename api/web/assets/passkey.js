// Passkeys. A form of class "passkey" asks its data-begin for a question, hands that to the browser, and sends the answer in
// its field "response". What can't be answered at all is sent empty: the page that comes says what to do.
const forms = document.querySelectorAll("form.passkey");
const bytes = text => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), c => c.charCodeAt(0));
const base64url = buffer => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");
let waiting; // the question that autofill waits with
let sent = false; // autofill and the button may both have an answer, and one of the two would be refused

async function question(form) {
	const answer = await fetch(form.dataset.begin, {method: "POST", body: new URLSearchParams()});
	if (!answer.ok) return null;
	const {publicKey} = await answer.json();
	publicKey.challenge = bytes(publicKey.challenge);
	if (publicKey.user) publicKey.user.id = bytes(publicKey.user.id);
	for (const key of [...publicKey.allowCredentials ?? [], ...publicKey.excludeCredentials ?? []]) key.id = bytes(key.id);
	return publicKey;
}

function written(key) {
	const response = {};
	for (const part of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
		if (key.response[part]) response[part] = base64url(key.response[part]);
	}
	if (key.response.getTransports) response.transports = key.response.getTransports();
	return JSON.stringify({
		id: key.id, rawId: base64url(key.rawId), type: key.type, response,
		authenticatorAttachment: key.authenticatorAttachment ?? undefined, clientExtensionResults: key.getClientExtensionResults(),
	});
}

function send(form, response) {
	if (sent) return;
	sent = true;
	setTimeout(() => { sent = false; }, 5000); // a page that is still here then was stopped, or come back to
	form.elements.response.value = response;
	HTMLFormElement.prototype.submit.call(form);
}

const say = (form, name) => {
	for (const text of form.querySelectorAll("[data-says]")) text.hidden = text.dataset.says !== name;
};

async function press(form) {
	say(form, "");
	waiting?.abort();
	try {
		const publicKey = await question(form);
		if (!publicKey) return send(form, "");
		send(form, written(await navigator.credentials[publicKey.user ? "create" : "get"]({publicKey})));
	} catch (error) {
		say(form, error.name === "InvalidStateError" ? "there" : "failed");
	}
}

// The field for the name offers passkeys beside names. The question grows old, so there is a new one from time to time.
async function autofill(form) {
	if (!await PublicKeyCredential.isConditionalMediationAvailable?.()) return;
	for (;;) {
		const publicKey = await question(form);
		if (!publicKey) return;
		const stop = waiting = new AbortController();
		let old = false;
		setTimeout(() => { old = true; stop.abort(); }, (publicKey.timeout ?? 300000) * 0.8);
		try {
			return send(form, written(await navigator.credentials.get({publicKey, mediation: "conditional", signal: stop.signal})));
		} catch {
			if (!old) return;
		}
	}
}

if (window.PublicKeyCredential) {
	for (const form of forms) {
		form.hidden = false;
		form.addEventListener("submit", event => { event.preventDefault(); press(form); });
		if ("autofill" in form.dataset) autofill(form).catch(() => {});
	}
	document.querySelectorAll(".nopasskeys").forEach(text => { text.hidden = true; });
}
