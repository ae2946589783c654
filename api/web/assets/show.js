// Each password can be shown. It is hidden again before it is sent, so that no browser keeps it as a text that was typed.
for (const field of document.querySelectorAll("input[data-show]")) {
	const button = document.createElement("button");
	const show = shown => {
		field.type = shown ? "text" : "password";
		button.textContent = shown ? field.dataset.hide : field.dataset.show;
		button.setAttribute("aria-label", shown ? field.dataset.hideLabel : field.dataset.showLabel);
	};
	button.type = "button";
	button.className = "show";
	button.addEventListener("click", () => show(field.type === "password"));
	field.form.addEventListener("submit", () => show(false));
	field.after(button);
	show(false);
}
