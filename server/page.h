/* The page for people: the scenes, a button for each variant, the figures that move. */
#ifndef SERVER_PAGE_H
#define SERVER_PAGE_H

struct evhttp_request;

void page_html(struct evhttp_request *request);
void page_js(struct evhttp_request *request);
void page_css(struct evhttp_request *request);

#endif
