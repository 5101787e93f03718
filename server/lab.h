/* Renders a lab text from Markdown to HTML. */
#ifndef SERVER_LAB_H
#define SERVER_LAB_H

struct evbuffer;
struct scene;

/* Writes a whole page: the text in an <article class="lab">, with a <section> for each part. Only
 * one hint is open at a time. The answer, which follows the hints, is folded. In commands, the
 * usual addresses are replaced by this server's. 0 or -ENOMEM. */
int lab_html(const struct scene *scene, struct evbuffer *out);

#endif
