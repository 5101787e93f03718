/* Renders a lab text from Markdown to HTML. */
#ifndef SERVER_LAB_H
#define SERVER_LAB_H

struct evbuffer;
struct scene;

/* Writes a whole page: the text in an <article class="lab">, a <section> for each part. The hints
 * open one at a time. What follows them, the answer, is folded. In commands, the usual addresses
 * are replaced by this server's. 0 or -ENOMEM. */
int lab_html(const struct scene *scene, struct evbuffer *out);

#endif
