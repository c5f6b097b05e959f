//! The small documents of errors, for the person who opened an address in a browser: Vietnamese, then English. They say
//! what is wrong and what to do, never what was asked for and never why inside.

use std::time::Duration;

use http::{StatusCode, header};

use super::headers::{Answer, Caching, Kind};

/// Methods that we answer.
pub(super) const ALLOWED: &str = "GET, HEAD, OPTIONS";

/// Title and advice in Vietnamese, the same in English.
type Texts = [&'static str; 4];

/// The answer for an error status.
pub(super) fn answer(status: StatusCode) -> Answer {
    let caching = match status {
        StatusCode::NOT_FOUND | StatusCode::GONE => Caching::Missing,
        _ => Caching::Never,
    };
    let answer = Answer::new(Kind::Error, caching, "text/html; charset=utf-8", page(status)).with_status(status);
    match status {
        StatusCode::METHOD_NOT_ALLOWED => answer.with(header::ALLOW, ALLOWED),
        _ => answer,
    }
}

/// 503: there is no document now, but there will be (RFC 9110 section 15.6.4).
pub(super) fn unavailable(retry_after: Duration) -> Answer {
    let seconds = retry_after.as_secs().max(1).to_string();
    answer(StatusCode::SERVICE_UNAVAILABLE).with(header::RETRY_AFTER, &seconds)
}

fn page(status: StatusCode) -> String {
    let code = status.as_u16();
    let [title, advice, title_en, advice_en] = texts(status);
    format!(
        "<!doctype html>\n<html lang=\"vi\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{code} {title}</title>\n\
         <h1>{title}</h1>\n<p>{advice}</p>\n<p lang=\"en\"><b>{code} {title_en}.</b> {advice_en}</p>\n</html>\n"
    )
}

fn texts(status: StatusCode) -> Texts {
    match status {
        StatusCode::BAD_REQUEST => [
            "Yêu cầu không hợp lệ",
            "Chương trình của bạn gửi một yêu cầu sai quy cách HTTP.",
            "Bad request",
            "The request does not follow HTTP.",
        ],
        StatusCode::NOT_FOUND => [
            "Không tìm thấy",
            "Không có nguồn tin nào ở địa chỉ này. Danh sách nguồn tin nằm ở trang đầu.",
            "Not found",
            "There is no feed at this address. The front page lists all feeds.",
        ],
        StatusCode::METHOD_NOT_ALLOWED => [
            "Phương thức không được phép",
            "Địa chỉ này chỉ để đọc, bằng GET hoặc HEAD.",
            "Method not allowed",
            "This address can only be read, with GET or HEAD.",
        ],
        StatusCode::NOT_ACCEPTABLE => [
            "Không có dạng nén phù hợp",
            "Yêu cầu từ chối mọi dạng nén mà chúng tôi có, kể cả dạng không nén.",
            "Not acceptable",
            "The request rules out every content coding that we have, and identity as well.",
        ],
        StatusCode::GONE => [
            "Đã gỡ bỏ",
            "Nguồn tin ở địa chỉ này đã ngừng hẳn. Bạn có thể xóa nó khỏi trình đọc tin.",
            "Gone",
            "The feed at this address has ended for good. You can remove it from your reader.",
        ],
        StatusCode::PRECONDITION_FAILED => [
            "Điều kiện không thỏa",
            "Tài liệu không còn là bản mà yêu cầu nêu.",
            "Precondition failed",
            "The document is no longer the one that the request names.",
        ],
        StatusCode::URI_TOO_LONG => [
            "Địa chỉ quá dài",
            "Địa chỉ trong yêu cầu quá dài.",
            "URI too long",
            "The address in the request is too long.",
        ],
        StatusCode::MISDIRECTED_REQUEST => [
            "Sai máy chủ",
            "Tên miền trong yêu cầu không thuộc về dịch vụ này.",
            "Misdirected request",
            "The host name in the request is not one of this service.",
        ],
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => [
            "Tiêu đề yêu cầu quá lớn",
            "Yêu cầu có quá nhiều hoặc quá dài các trường tiêu đề.",
            "Request header fields too large",
            "The request has too many header fields, or too long ones.",
        ],
        StatusCode::SERVICE_UNAVAILABLE => [
            "Tạm thời chưa phục vụ được",
            "Nguồn tin này tạm thời chưa có. Vui lòng thử lại sau ít phút.",
            "Service unavailable",
            "This feed is not available at the moment. Please try again in a few minutes.",
        ],
        _ => [
            "Lỗi máy chủ",
            "Có lỗi ở phía chúng tôi. Vui lòng thử lại sau.",
            "Internal server error",
            "Something went wrong on our side. Please try again later.",
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_has_its_own_text() {
        let mut titles = std::collections::HashSet::new();
        for code in [400, 404, 405, 406, 410, 412, 414, 421, 431, 500, 503] {
            let status = StatusCode::from_u16(code).unwrap();
            assert!(titles.insert(texts(status)), "{code}");
            assert!(page(status).contains(&format!("<title>{code} ")), "{code}");
        }
    }

    #[test]
    fn retry_after_is_never_zero() {
        let answer = unavailable(Duration::from_millis(200));
        assert_eq!(answer.own.get(header::RETRY_AFTER).unwrap(), "1");
    }
}
